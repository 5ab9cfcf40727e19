"""The OpenVINO IRs: near Hugging Face's logits, and true to the tensor contract."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedded.backends.openvino_ir import compile_ir, openvino
from export.graphs.openvino_int8 import write_int8_ir
from export.graphs.openvino_ir import write_ir
from export.proof.lengths import check_lengths
from export.proof.parity import Model
from export.proof.runtime import load_openvino
from export.triton_config import OPENVINO_PARAMETERS
from export.windows import Tensors
from qa.tensors import INPUTS, OUTPUTS
from tests.conftest import ROOT
from tests.export.conftest import Golden, Sources

pytestmark = pytest.mark.thorough

KINDS = ("float", "int8", "quantized")  # the last of a checkpoint that was trained for int8


def silent(_done: int, _total: int) -> None:
    pass


def windows(golden: Golden) -> list[Tensors]:
    """The golden inputs, without padding."""
    lengths = golden.inputs["attention_mask"].sum(axis=1)
    return [
        {name: golden.inputs[name][row : row + 1, :length] for name in INPUTS}
        for row, length in enumerate(lengths)
    ]


@pytest.fixture(scope="session")
def source(sources: Sources) -> Path:
    """The plain graph."""
    return sources.plain


@pytest.fixture(scope="session")
def irs(golden: Golden, source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An IR of each kind; read only."""
    files = {kind: tmp_path_factory.mktemp(kind) / "model.xml" for kind in KINDS}
    for kind, file in files.items():
        write(kind, golden, source, file)
    return files


def write(kind: str, golden: Golden, source: Path, file: Path) -> None:
    if kind == "float":
        write_ir(source, file)
    else:
        quantized = kind == "quantized"
        write_int8_ir(source, windows(golden), file, quantized=quantized, progress=silent)


def load_float32(path: Path) -> Model:
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def model(inputs: Tensors) -> dict[str, NDArray[np.float32]]:
        results = compiled(inputs)
        return {name: results[name] for name in OUTPUTS}

    return model


def differences(
    golden: Golden, found: dict[str, NDArray[np.float32]], rows: slice = slice(None)
) -> NDArray[np.float32]:
    """Return how far logits at real tokens are from the golden ones."""
    real = golden.real[rows, : found[OUTPUTS[0]].shape[1]]
    return np.concatenate(
        [np.abs(found[name] - golden.logits[name][rows, : real.shape[1]])[real] for name in OUTPUTS]
    )


def test_float_is_what_hugging_face_computes(golden: Golden, irs: dict[str, Path]) -> None:
    assert differences(golden, load_float32(irs["float"])(golden.inputs)).max() < 1e-4


def test_as_it_is_served_it_is_near(golden: Golden, irs: dict[str, Path]) -> None:
    """bf16 has 8 bits of a number, int8 fewer; the golden logits are around 1."""
    served = differences(golden, load_openvino(irs["float"])(golden.inputs))
    assert served.mean() < 0.03
    for kind in ("int8", "quantized"):
        int8 = differences(golden, load_openvino(irs[kind])(golden.inputs))
        assert served.mean() < int8.mean() < 0.3


def test_padding_changes_nothing(golden: Golden, irs: dict[str, Path]) -> None:
    model = load_float32(irs["float"])
    for row, alone in enumerate(windows(golden)):
        length = alone[INPUTS[0]].shape[1]
        assert differences(golden, model(alone), slice(row, row + 1)).max() < 1e-4
        wider = {name: np.pad(values, ((0, 0), (0, 32))) for name, values in alone.items()}
        cut = {name: values[:, :length] for name, values in model(wider).items()}
        assert differences(golden, cut, slice(row, row + 1)).max() < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_every_length_is_computed_alike(golden: Golden, irs: dict[str, Path], kind: str) -> None:
    """On a CPU with AMX, int8 failed where a row is as long as a head of attention is wide."""
    window = max(windows(golden), key=lambda each: each["input_ids"].shape[1])
    head_size = golden.checkpoint.config.head_size
    assert window["input_ids"].shape[1] >= 2 * head_size
    check_lengths(load_openvino(irs[kind]), window, step=head_size)


@pytest.mark.parametrize("kind", KINDS)
def test_tensor_contract(golden: Golden, irs: dict[str, Path], kind: str) -> None:
    model = openvino.Core().read_model(irs[kind])
    for ports, names, element in (
        (model.inputs, INPUTS, openvino.Type.i32),
        (model.outputs, OUTPUTS, openvino.Type.f32),
    ):
        assert [port.any_name for port in ports] == list(names)
        for port in ports:
            assert port.element_type == element
            assert [axis.is_dynamic for axis in port.partial_shape] == [True, True]
    found = load_openvino(irs[kind])(golden.inputs)
    for values in found.values():
        assert values.dtype == np.float32
        assert values.shape == golden.real.shape


@pytest.mark.parametrize("kind", KINDS)
def test_same_input_gives_the_same_files(
    golden: Golden, source: Path, irs: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    again = tmp_path / "model.xml"
    write(kind, golden, source, again)
    for suffix in (".xml", ".bin"):
        assert again.with_suffix(suffix).read_bytes() == irs[kind].with_suffix(suffix).read_bytes()


@pytest.mark.parametrize("quantized", [False, True])
def test_progress_ends_where_it_said(
    golden: Golden, source: Path, tmp_path: Path, quantized: bool
) -> None:
    heard: list[tuple[int, int]] = []
    write_int8_ir(
        source,
        windows(golden),
        tmp_path / "model.xml",
        quantized=quantized,
        progress=lambda done, total: heard.append((done, total)),
    )
    assert heard == [(done, len(heard)) for done in range(1, len(heard) + 1)]


@pytest.mark.parametrize("kind", ["int8", "quantized"])
def test_int8_weights_are_integers(irs: dict[str, Path], golden: Golden, kind: str) -> None:
    """In all dense layers; unless the checkpoint is used to it, half of those that GELU feeds."""
    model = openvino.Core().read_model(irs[kind])
    shapes = [
        tuple(node.get_output_shape(0))
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Constant" and node.get_element_type() == openvino.Type.i8
    ]
    config = golden.checkpoint.config
    hidden, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    assert shapes.count((hidden, hidden)) == 4 * layers, shapes
    found = shapes.count((inner, hidden)) + shapes.count((hidden, inner))
    assert found == layers + (layers if kind == "quantized" else layers // 2)


def test_int8_leaves_the_first_half_in_float(golden: Golden, irs: dict[str, Path]) -> None:
    """The weights that GELU feeds are floats in the first half of the layers, and only there."""
    model = openvino.Core().read_model(irs["int8"])
    floats = {
        node.get_friendly_name()
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Constant" and node.get_element_type() == openvino.Type.f32
    }
    layers = golden.checkpoint.config.num_hidden_layers
    name = "encoder.layer.{}.output.dense.weight"
    found = [layer for layer in range(layers) if name.format(layer) in floats]
    assert found == list(range(-(-layers // 2)))


def test_nothing_is_said_and_nothing_sent(source: Path, tmp_path: Path) -> None:
    """No log, no progress bars, and no client id for the telemetry in the user's home."""
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from export.graphs.openvino_int8 import write_int8_ir\n"
        "window = {name: np.ones((1, 8), np.int32) for name in sys.argv[3:]}\n"
        "write_int8_ir(Path(sys.argv[1]), [window], Path(sys.argv[2]), progress=lambda *_: None)\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", code, str(source), str(tmp_path / "model.xml"), *INPUTS],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"HOME": str(home), "PYTHONPATH": str(ROOT)},
    )
    assert (ended.stdout, ended.stderr) == ("", "")
    assert list(home.iterdir()) == []


def test_what_is_compiled_is_what_the_parameters_say(irs: dict[str, Path]) -> None:
    def compiled(**more: str) -> Any:
        return compile_ir(irs["float"], OPENVINO_PARAMETERS | more, threads=1)

    assert compiled().get_property("NUM_STREAMS") == 1
    assert compiled().get_property("INFERENCE_NUM_THREADS") == 1
    assert compiled(INFERENCE_NUM_THREADS="2").get_property("INFERENCE_NUM_THREADS") == 2
    has_bf16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    expected = openvino.Type.bf16 if has_bf16 else openvino.Type.f32
    assert compiled().get_property("INFERENCE_PRECISION_HINT") == expected
    with pytest.raises(ValueError, match="HINT_BF16 is 'NO'; it can only be YES"):
        compiled(HINT_BF16="NO")
