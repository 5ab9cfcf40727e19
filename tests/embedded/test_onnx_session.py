"""ONNX Runtime as it is opened and run, on the CPU; a GPU is simulated by the session's class."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, save

from embedded.backends.lanes import Model
from embedded.backends.onnx_session import bound, missing_library, open_session
from embedded.backends.providers import CPU, CUDA
from embedded.backends.rows import compute_rows
from qa import tensors
from tests.embedded.test_rows import rows_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A graph of the tensor contract: start is ids plus types, end is ids times the mask."""
    ids, mask, types = tensors.INPUTS
    shape = ["batch", "sequence"]
    nodes = [
        helper.make_node("Add", [ids, types], ["sum"]),
        helper.make_node("Mul", [ids, mask], ["product"]),
        helper.make_node("Cast", ["sum"], [tensors.START_LOGITS], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["product"], [tensors.END_LOGITS], to=TensorProto.FLOAT),
    ]
    graph = helper.make_graph(
        nodes,
        "contract",
        [helper.make_tensor_value_info(name, TensorProto.INT32, shape) for name in tensors.INPUTS],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in tensors.OUTPUTS],
    )
    opset = [helper.make_opsetid("", 18)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=10), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def open_bound(file: Path) -> Model:
    return bound(onnxruntime.InferenceSession(file, providers=[CPU]))


def open_plain(file: Path) -> Model:
    return open_session(file, [(CPU, {})], 1)


OPENERS = pytest.mark.parametrize("opened", [open_plain, open_bound])


@OPENERS
def test_logits_are_those_of_each_run(file: Path, opened: Callable[[Path], Model]) -> None:
    model = opened(file)
    inputs = rows_of([7, 3, 12, 1], 12)
    first = model(inputs)
    others = model(rows_of([12, 12], 12, seed=1))
    assert others[0].shape == (2, 12)
    ids, mask, types = (inputs[name] for name in tensors.INPUTS)
    np.testing.assert_array_equal(first[0], (ids + types).astype(np.float32))
    np.testing.assert_array_equal(first[1], (ids * mask).astype(np.float32))


@OPENERS
def test_columns_of_a_wider_array_are_read_right(
    file: Path, opened: Callable[[Path], Model]
) -> None:
    model = opened(file)
    inputs = rows_of([7, 3, 12, 1], 12)
    cut = {name: array[:, :5] for name, array in inputs.items()}
    np.testing.assert_array_equal(model(cut)[1], (cut["input_ids"] * cut["attention_mask"]))
    for found, wanted in zip(compute_rows(inputs, model), model(inputs), strict=True):
        real = inputs[tensors.ATTENTION_MASK] == 1
        np.testing.assert_array_equal(found[real], wanted[real])


class OnGpu(onnxruntime.InferenceSession):  # type: ignore[misc]  # Any, to mypy
    """A session that says it has the providers that it was asked for, and computes on the CPU."""

    asked: tuple[Any, ...] = ()

    def __init__(self, path: str, options: Any, *, providers: list[Any], **rest: Any) -> None:
        type(self).asked = tuple(providers)
        super().__init__(path, options, providers=[CPU], **rest)

    def get_providers(self) -> list[str]:
        return [name for name, _ in self.asked]


def test_a_gpu_session_gets_its_options_and_preloads(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preloaded: list[bool] = []
    monkeypatch.setattr(onnxruntime, "InferenceSession", OnGpu)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: preloaded.append(True))
    providers = [(CUDA, {"use_tf32": "1", "device_id": "0"}), (CPU, {})]
    model = open_session(file, providers, 1)
    assert OnGpu.asked == tuple(providers)
    assert preloaded == [True]
    inputs = rows_of([2, 1], 2)
    np.testing.assert_array_equal(model(inputs)[1], inputs[tensors.INPUT_IDS])
    open_session(file, [(CPU, {})], 1)
    assert preloaded == [True]  # a CPU has no use for CUDA's libraries


def test_the_library_that_is_missing_is_named(tmp_path: Path) -> None:
    assert missing_library(Path("libc.so.6")) is None
    said = missing_library(tmp_path / "libonnxruntime_providers_cuda.so")
    assert said is not None
    assert "libonnxruntime_providers_cuda.so: cannot open shared object file" in said
