"""Float16 and packing mode: the graph, and its logits by the numpy operators, without CUDA.

That the operators are right is shown where ONNX Runtime has them on the CPU too: on the fused
graphs. PackedAttention, which it has not, is compared with a loop over every pair of tokens.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NoKernel

from export.errors import ExportError
from export.graphs.half import to_fp16
from export.graphs.packing import pack
from export.proof.operators import OPERATORS
from export.proof.runtime import load_reference
from export.variants import FP16_TOLERANCE
from qa.tensors import ATTENTION_MASK, OUTPUTS
from tests.export.conftest import Golden, Sources, check_onnx

CPU = ["CPUExecutionProvider"]
Arrays = dict[str, NDArray[Any]]


@pytest.fixture(scope="session")
def fused(sources: Sources) -> onnx.ModelProto:
    """The float32 graph; read only."""
    return onnx.load(sources.fused)


@pytest.fixture(scope="session")
def packed(fused: onnx.ModelProto, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("packed") / "model.onnx"
    onnx.save(pack(to_fp16(fused)), path)
    return path


def copy_of(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def run_onnxruntime(model: onnx.ModelProto, inputs: Arrays) -> Arrays:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=CPU)
    return dict(zip(OUTPUTS, session.run(list(OUTPUTS), inputs), strict=True))


def run_operators(model: onnx.ModelProto, inputs: Arrays) -> Arrays:
    evaluator = ReferenceEvaluator(model, new_ops=list(OPERATORS))
    return dict(zip(OUTPUTS, evaluator.run(list(OUTPUTS), inputs), strict=True))


def run_node(
    operator: str, *inputs: NDArray[Any] | None, outputs: int = 1, **attributes: Any
) -> Any:
    """Return the outputs of one operator of com.microsoft; None is an input left out."""
    names = ["" if values is None else f"input{number}" for number, values in enumerate(inputs)]
    node = onnx.helper.make_node(
        operator,
        names,
        [f"output{number}" for number in range(outputs)],
        domain="com.microsoft",
        **attributes,
    )
    evaluator = ReferenceEvaluator(node, new_ops=list(OPERATORS))
    return evaluator.run(None, dict(zip(names, inputs, strict=True)))


def largest_difference(mask: NDArray[np.int32], ours: Arrays, theirs: Arrays) -> float:
    real = mask == 1
    return max(float(np.abs(ours[name] - theirs[name])[real].max()) for name in OUTPUTS)


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def as_they_are(inputs: Arrays) -> list[Arrays]:
    return [inputs]


def one_by_one(inputs: Arrays) -> list[Arrays]:
    rows = range(len(inputs[ATTENTION_MASK]))
    return [{name: values[row : row + 1] for name, values in inputs.items()} for row in rows]


def without_padding(inputs: Arrays) -> list[Arrays]:
    shortest = inputs[ATTENTION_MASK].sum(axis=1).min()
    return [{name: values[:, :shortest] for name, values in inputs.items()}]


BATCHES = pytest.mark.parametrize("batches", [as_they_are, one_by_one, without_padding])
Batches = Callable[[Arrays], list[Arrays]]


@BATCHES
def test_packed_logits_are_near(
    golden: Golden, fused: onnx.ModelProto, packed: Path, batches: Batches
) -> None:
    model = load_reference(packed)
    for inputs in batches(golden.inputs):
        found, wanted = model(inputs), run_onnxruntime(fused, inputs)
        assert all(values.dtype == np.float32 for values in found.values())
        assert 0 < largest_difference(inputs[ATTENTION_MASK], found, wanted) < FP16_TOLERANCE


@BATCHES
def test_fp16_logits_are_near(golden: Golden, fused: onnx.ModelProto, batches: Batches) -> None:
    """In ONNX Runtime, which has float16 on the CPU for Attention, and by the operators."""
    half = to_fp16(fused)
    for inputs in batches(golden.inputs):
        wanted = run_onnxruntime(fused, inputs)
        for found in (run_onnxruntime(half, inputs), run_operators(half, inputs)):
            assert 0 < largest_difference(inputs[ATTENTION_MASK], found, wanted) < FP16_TOLERANCE


@BATCHES
def test_operators_compute_what_onnxruntime_does(
    golden: Golden, fused: onnx.ModelProto, batches: Batches
) -> None:
    for inputs in batches(golden.inputs):
        found, wanted = run_operators(fused, inputs), run_onnxruntime(fused, inputs)
        assert largest_difference(inputs[ATTENTION_MASK], found, wanted) < 1e-5


def test_attention_with_a_mask_of_holes(golden: Golden, fused: onnx.ModelProto) -> None:
    """A mask instead of lengths, which ONNX Runtime's Attention takes as well."""
    model = copy_of(fused)
    for node in model.graph.node:
        if node.op_type == "Attention":
            node.input[3] = ATTENTION_MASK
    mask = golden.inputs[ATTENTION_MASK].copy()
    mask[:, 2] = 0
    inputs = golden.inputs | {ATTENTION_MASK: mask}
    found, wanted = run_operators(model, inputs), run_onnxruntime(model, inputs)
    assert largest_difference(mask, found, wanted) < 1e-5
    assert largest_difference(mask, found, run_operators(fused, golden.inputs)) > 1e-3


def test_packed_graph(golden: Golden, packed: Path) -> None:
    model = onnx.load(packed)
    onnx.checker.check_model(model)
    layers = golden.checkpoint.config.num_hidden_layers
    found = kinds(model)
    assert found.count("PackedAttention") == layers
    assert found.count("RemovePadding") == found.count("RestorePadding") == 1
    assert "Attention" not in found
    (restore,) = [node for node in model.graph.node if node.op_type == "RestorePadding"]
    after = [node for node in model.graph.node if restore.output[0] in node.input]
    assert [node.input[1] for node in after] == ["qa_outputs.weight"]


@pytest.mark.parametrize("convert", [to_fp16, lambda fused: pack(to_fp16(fused))])
def test_contract(
    fused: onnx.ModelProto, convert: Callable[[onnx.ModelProto], onnx.ModelProto]
) -> None:
    before = fused.SerializeToString(deterministic=True)
    model = convert(fused)
    assert fused.SerializeToString(deterministic=True) == before
    check_onnx(model)
    assert all(each.data_type != onnx.TensorProto.FLOAT for each in model.graph.initializer)


def test_weights_beyond_float16(fused: onnx.ModelProto) -> None:
    model = copy_of(fused)
    (tensor,) = [each for each in model.graph.initializer if each.name == "qa_outputs.bias"]
    beyond = np.asarray([1e6, -1e6], np.float32)
    tensor.CopyFrom(onnx.numpy_helper.from_array(beyond, tensor.name))
    (tensor,) = [each for each in to_fp16(model).graph.initializer if each.name == tensor.name]
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), [65504, -65504])


def test_row_of_padding_alone(golden: Golden, packed: Path) -> None:
    """It changes no other row, and its logits are the bias."""
    model = load_reference(packed)
    bias = golden.checkpoint.weights["qa_outputs.bias"]
    inputs = {name: values.copy() for name, values in golden.inputs.items()}
    inputs[ATTENTION_MASK][1] = 0
    found, before = model(inputs), model(golden.inputs)
    others = [0, 2, 3]
    for name, value in zip(OUTPUTS, bias, strict=True):
        # BLAS may sum in another order when a batch has fewer tokens: 2 steps of float16 near 1
        np.testing.assert_allclose(found[name][others], before[name][others], atol=2e-3)
        np.testing.assert_array_equal(found[name][1], np.float16(value))


def test_onnxruntime_has_packing_mode_for_cuda_alone(packed: Path) -> None:
    with pytest.raises(NoKernel, match=r"RemovePadding\(1\)"):
        onnxruntime.InferenceSession(packed, providers=CPU)


def test_attention_that_is_not_packed_fails(fused: onnx.ModelProto) -> None:
    """For example when the layers do not share one mask."""
    model = copy_of(fused)
    attention = [node for node in model.graph.node if node.op_type == "Attention"]
    attention[-1].input[3] = ATTENTION_MASK
    with pytest.raises(ExportError, match=f"packed 0 attention layers of {len(attention)}"):
        pack(model)


counts_in_sequence = st.integers(1, 7).flatmap(
    lambda sequence: st.tuples(
        st.lists(st.integers(0, sequence), min_size=1, max_size=5), st.just(sequence)
    )
)


@given(counts_in_sequence)
def test_removed_padding_comes_back_as_zeros(shape: tuple[list[int], int]) -> None:
    counts, sequence = np.asarray(shape[0], np.int32), shape[1]
    values = np.arange(1, len(counts) * sequence * 2 + 1, dtype=np.float16)
    values = values.reshape(len(counts), sequence, 2)
    removed, offset, cumulative, longest = run_node("RemovePadding", values, counts, outputs=4)
    (restored,) = run_node("RestorePadding", removed, offset)
    real = np.arange(sequence) < counts[:, None]
    np.testing.assert_array_equal(restored, np.where(real[..., None], values, 0))
    np.testing.assert_array_equal(np.sort(offset, axis=None), np.arange(real.size))
    for row, (first, end) in enumerate(pairwise(cumulative)):
        np.testing.assert_array_equal(removed[first:end], values[row, : counts[row]])
    assert removed.shape == (counts.sum(), 2)
    assert longest == [counts.max()]
    assert {each.dtype for each in (offset, cumulative, longest)} == {np.dtype(np.int32)}


def test_token_offset() -> None:
    """The example in ONNX Runtime's bert_padding.cu: rows of 1, 2 and 4 tokens."""
    values, counts = np.zeros((3, 4, 1), np.float32), np.asarray([1, 2, 4], np.int32)
    _, offset, cumulative, longest = run_node("RemovePadding", values, counts, outputs=4)
    assert offset.ravel().tolist() == [0, 4, 5, 8, 9, 10, 11, 1, 2, 3, 6, 7]
    assert cumulative.tolist() == [0, 1, 3, 7]
    assert longest.tolist() == [4]


def slow_attention(
    values: NDArray[Any], weights: NDArray[Any], bias: NDArray[Any], rows: list[range], heads: int
) -> NDArray[np.float64]:
    hidden = values.shape[1]
    query, key, value = np.split(values.astype(np.float64) @ weights + bias, 3, axis=1)
    size = hidden // heads
    result = np.zeros((len(values), hidden))
    for row in rows:
        for head in (slice(first, first + size) for first in range(0, hidden, size)):
            for token in row:
                powers = [
                    math.exp(query[token, head] @ key[other, head] / math.sqrt(size))
                    for other in row
                ]
                for other, power in zip(row, powers, strict=True):
                    result[token, head] += power / sum(powers) * value[other, head]
    return result


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float16, 5e-3)])
@pytest.mark.parametrize("counts", [[4], [1], [2, 5, 1], [3, 0, 2], [0, 4]])
def test_packed_attention(
    counts: list[int], dtype: type[np.floating[Any]], tolerance: float
) -> None:
    random, tokens, hidden, heads = np.random.default_rng(0), sum(counts), 6, 2
    values, weights, bias = (
        random.normal(size=size).astype(dtype)
        for size in ((tokens, hidden), (hidden, 3 * hidden), 3 * hidden)
    )
    ends = np.cumsum(counts)
    rows = [range(end - count, end) for count, end in zip(counts, ends, strict=True)]
    (found,) = run_node(
        "PackedAttention",
        values,
        weights,
        bias,
        np.zeros((len(counts), max(counts)), np.int32),
        np.asarray([0, *ends], np.int32),
        num_heads=heads,
    )
    assert found.dtype == dtype
    wanted = slow_attention(values, weights, bias, rows, heads)
    np.testing.assert_allclose(found, wanted, atol=tolerance)


def test_layer_norm_sums_in_float32() -> None:
    """The squares of these values, and their sum, are beyond float16."""
    values = np.linspace(-400, 400, 64, dtype=np.float16).reshape(1, 64)
    one, zero = np.ones(64, np.float16), np.zeros(64, np.float16)
    (found,) = run_node("SkipLayerNormalization", values, np.zeros_like(values), one, zero)
    precise = values.astype(np.float64)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, precise / precise.std(), atol=1e-3)


def test_what_no_graph_of_ours_has_is_refused() -> None:
    values, weights, bias = (np.ones(size, np.float32) for size in ((2, 4), (4, 12), 12))
    with pytest.raises(NotImplementedError, match="attention_bias"):
        run_node(
            "PackedAttention",
            values,
            weights,
            bias,
            np.zeros((1, 2), np.int32),
            np.asarray([0, 2], np.int32),
            np.zeros((1, 1, 2, 2), np.float32),
            num_heads=1,
        )
    with pytest.raises(NotImplementedError, match=r"a mask of shape \(2,\) for \(1, 2\)"):
        run_node("Attention", values[None], weights, bias, np.ones(2, np.int32), num_heads=1)
