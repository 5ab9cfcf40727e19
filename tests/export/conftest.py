"""Golden checkpoints, and what is exported from them."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from embedded.report import Report
from export.calibration import SAMPLE
from export.checkpoint.reader import Checkpoint, read_checkpoint
from export.graphs.onnx_file import write_onnx
from export.graphs.onnx_graph import MAX_IR_VERSION, OPSET, fused_graph, plain_graph
from export.isolation import Progress
from export.pipeline import Request, export
from export.variants import VARIANTS, Variant
from qa.tensors import INPUTS, OUTPUTS

GOLDEN = Path(__file__).parent / "golden"
SEQUENCE_LENGTH = 64


@contextmanager
def no_step(_: str) -> Iterator[Progress]:
    yield lambda *_: None


def run_export(
    folder: Path,
    repository: Path,
    variants: tuple[Variant, ...] = VARIANTS,
    sequence_length: int = SEQUENCE_LENGTH,
    **options: Any,
) -> Report:
    checkpoint = read_checkpoint(folder)
    request = Request(checkpoint, variants, repository, sequence_length, SAMPLE, **options)
    return export(request, no_step)


@dataclass(frozen=True)
class Golden:
    """A checkpoint, and the logits that Hugging Face gives for some windows."""

    folder: Path
    checkpoint: Checkpoint
    inputs: dict[str, NDArray[np.int32]]
    logits: dict[str, NDArray[np.float32]]

    @property
    def real(self) -> NDArray[np.bool_]:
        """Where there is no padding."""
        real: NDArray[np.bool_] = self.inputs["attention_mask"] == 1
        return real


@dataclass(frozen=True)
class Exported:
    """A repository, and what it was made from."""

    golden: Golden
    repository: Path
    report: Report


@pytest.fixture(scope="session", params=["projected", "plain"])
def golden(request: pytest.FixtureRequest) -> Golden:
    return read_golden(request.param)


def read_golden(name: str) -> Golden:
    folder = GOLDEN / name
    with np.load(folder / "logits.npz", allow_pickle=False) as arrays:
        inputs = {name: arrays[name] for name in INPUTS}
        logits = {name: arrays[name] for name in OUTPUTS}
    return Golden(folder, read_checkpoint(folder), inputs, logits)


@dataclass(frozen=True)
class Sources:
    """The files of the two float32 graphs of a checkpoint."""

    plain: Path
    fused: Path


@pytest.fixture(scope="session")
def sources(golden: Golden, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """The graphs of ``golden`` with their weights; read only."""
    folder = tmp_path_factory.mktemp("sources")
    checkpoint = golden.checkpoint
    write_onnx(plain_graph(checkpoint.config), checkpoint, folder / "plain.onnx")
    write_onnx(fused_graph(checkpoint.config), checkpoint, folder / "fused.onnx")
    return Sources(folder / "plain.onnx", folder / "fused.onnx")


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """All variants of a golden checkpoint; read only."""
    golden = read_golden("projected")
    repository = tmp_path_factory.mktemp("exported") / "model_repository"
    return Exported(golden, repository, run_export(golden.folder, repository))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint that a test may damage."""
    return Path(
        shutil.copytree(GOLDEN / "plain", tmp_path / "checkpoint", ignore=lambda *_: ["logits.npz"])
    )


@pytest.fixture
def change_config(folder: Path) -> Callable[..., None]:
    def change(**values: Any) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


@pytest.fixture
def change_tensors(folder: Path) -> Callable[..., None]:
    def change(update: Callable[[dict[str, Any]], object]) -> None:
        path = folder / "model.safetensors"
        tensors = load_file(path)
        update(tensors)
        save_file(tensors, path)

    return change


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Return every path below ``folder`` with the bytes of the files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def check_onnx(model: onnx.ModelProto) -> None:
    """Check that a model is valid, old enough for the runtimes, and true to the tensor contract."""
    onnx.checker.check_model(model)
    assert model.ir_version <= MAX_IR_VERSION
    assert next(each.version for each in model.opset_import if not each.domain) == OPSET
    for tensors, names, kind in (
        (model.graph.input, INPUTS, onnx.TensorProto.INT32),
        (model.graph.output, OUTPUTS, onnx.TensorProto.FLOAT),
    ):
        assert {tensor.name for tensor in tensors} == set(names)
        for tensor in tensors:
            assert tensor.type.tensor_type.elem_type == kind
            axes = [axis.dim_param for axis in tensor.type.tensor_type.shape.dim]
            assert axes == ["batch", "sequence"]
