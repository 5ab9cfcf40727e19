"""The openvino backend in the real Triton: the right logits, by the config that NVIDIA's takes."""

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format  # type: ignore[import-untyped]
from numpy.typing import NDArray
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from embedded.ports import free_ports
from embedded.server import run_triton
from export.graphs.onnx_file import write_onnx
from export.graphs.onnx_graph import plain_graph
from export.graphs.openvino_ir import write_ir
from export.proof.runtime import load_openvino
from export.triton_config import model_config
from export.variants import select_variants
from qa.tensors import INPUTS, OUTPUTS, PADDING_LOGIT
from tests.export.conftest import Golden, read_golden

pytestmark = pytest.mark.thorough

(VARIANT,) = select_variants("openvino_bf16")


@pytest.fixture(scope="module")
def golden() -> Golden:
    return read_golden("plain")


@pytest.fixture(scope="module")
def repository(golden: Golden, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one model, as an export would write it but for the warm-up."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / VARIANT.folder).mkdir(parents=True)
    checkpoint = golden.checkpoint
    write_onnx(plain_graph(checkpoint.config), checkpoint, folder / "plain.onnx")
    write_ir(folder / "plain.onnx", folder / VARIANT.file)
    config = model_config(VARIANT, golden.real.shape[1])
    del config.model_warmup[:]
    text = text_format.MessageToString(config)
    (folder / VARIANT.model_name / "config.pbtxt").write_text(text)
    return folder


def ask(url: str, inputs: dict[str, NDArray[np.int32]]) -> dict[str, NDArray[np.float32]]:
    tensors = []
    for name, values in inputs.items():
        tensors.append(InferInput(name, list(values.shape), "INT32"))
        tensors[-1].set_data_from_numpy(values)
    with InferenceServerClient(url) as client:
        result = client.infer(VARIANT.model_name, tensors)
    return {name: result.as_numpy(name) for name in OUTPUTS}


def test_triton_answers_with_the_logits_of_the_ir(golden: Golden, repository: Path) -> None:
    with run_triton(
        repository, [VARIANT.model_name], free_ports(), start_seconds=60, grace_seconds=5
    ) as running:
        found = ask(running.url, golden.inputs)
        lone = ask(running.url, {name: golden.inputs[name][1:2] for name in INPUTS})
        beyond = {name: values.copy() for name, values in golden.inputs.items()}
        beyond["input_ids"][0, 1] = golden.checkpoint.config.vocab_size
        with pytest.raises(InferenceServerException, match=r"input_ids holds 109; .* 109 rows"):
            ask(running.url, beyond)
    model = load_openvino(repository / VARIANT.file)
    for name in OUTPUTS:
        assert found[name].dtype == np.float32
        assert found[name].shape == golden.real.shape
        assert lone[name].shape == (1, golden.real.shape[1])
        assert (found[name][~golden.real] == PADDING_LOGIT).all()
        # in bf16, a row of a batch is not to the last bit what it is alone
        np.testing.assert_allclose(lone[name], found[name][1:2], atol=0.03)
    for row, length in enumerate(golden.inputs["attention_mask"].sum(axis=1)):
        alone = model({name: golden.inputs[name][row : row + 1, :length] for name in INPUTS})
        for name in OUTPUTS:
            np.testing.assert_allclose(found[name][row, :length], alone[name][0], atol=0.03)
            np.testing.assert_allclose(
                found[name][row, :length], golden.logits[name][row, :length], atol=0.2
            )
