"""The graphs: equal to Hugging Face's logits, fused, and true to the tensor contract."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from export.checkpoint import Checkpoint
from export.errors import ExportError
from export.onnx_graph import MAX_IR_VERSION, OPSET, convert, count_attention, fuse
from export.parity import Model
from export.reference import reference_logits
from export.runtime import load_model
from export.variants import VARIANTS, Variant
from qa.tensors import END_LOGITS, INPUTS, OUTPUTS, START_LOGITS
from tests.export.conftest import Exported, Golden

FP32 = [variant for variant in VARIANTS if variant.precision == "fp32"]
ONNX = [variant for variant in VARIANTS if variant.format == "onnx"]


def by_name(variant: Variant) -> str:
    return variant.name


def load(exported: Exported, variant: Variant) -> Model:
    return load_model(variant.format, exported.repository / variant.file)


def largest_difference(
    golden: Golden, found: dict[str, NDArray[np.float32]], rows: slice = slice(None)
) -> float:
    real = golden.real[rows, : found[START_LOGITS].shape[1]]
    return max(
        float(np.abs(found[name] - golden.logits[name][rows, : real.shape[1]])[real].max())
        for name in OUTPUTS
    )


def test_reference_is_what_hugging_face_computes(golden: Golden) -> None:
    for row, length in enumerate(golden.inputs["attention_mask"].sum(axis=1)):
        start, end = reference_logits(
            golden.checkpoint.config,
            golden.checkpoint.weights,
            golden.inputs["input_ids"][row, :length],
            golden.inputs["token_type_ids"][row, :length],
        )
        np.testing.assert_allclose(start, golden.logits[START_LOGITS][row, :length], atol=1e-5)
        np.testing.assert_allclose(end, golden.logits[END_LOGITS][row, :length], atol=1e-5)


@pytest.mark.parametrize("variant", FP32, ids=by_name)
def test_fp32_is_what_hugging_face_computes(exported: Exported, variant: Variant) -> None:
    found = load(exported, variant)(exported.golden.inputs)
    assert largest_difference(exported.golden, found) < 1e-4


@pytest.mark.parametrize("variant", FP32, ids=by_name)
def test_padding_changes_nothing(exported: Exported, variant: Variant) -> None:
    golden, model = exported.golden, load(exported, variant)
    for row, length in enumerate(golden.inputs["attention_mask"].sum(axis=1)):
        alone = {name: golden.inputs[name][row : row + 1, :length] for name in INPUTS}
        assert largest_difference(golden, model(alone), slice(row, row + 1)) < 1e-4
        wider = {name: np.pad(values, ((0, 0), (0, 32))) for name, values in alone.items()}
        cut = {name: values[:, :length] for name, values in model(wider).items()}
        assert largest_difference(golden, cut, slice(row, row + 1)) < 1e-4


@pytest.mark.parametrize("variant", VARIANTS, ids=by_name)
def test_tensor_contract(exported: Exported, variant: Variant) -> None:
    found = load(exported, variant)(exported.golden.inputs)
    assert set(found) == set(OUTPUTS)
    for values in found.values():
        assert values.dtype == np.float32
        assert values.shape == exported.golden.real.shape


@pytest.mark.parametrize("variant", ONNX, ids=by_name)
def test_onnx_file(exported: Exported, variant: Variant) -> None:
    model = onnx.load(exported.repository / variant.file)
    onnx.checker.check_model(model)
    assert model.ir_version <= MAX_IR_VERSION
    assert next(each.version for each in model.opset_import if not each.domain) == OPSET
    assert count_attention(model) == exported.golden.checkpoint.config.num_hidden_layers
    for tensors, names, kind in (
        (model.graph.input, INPUTS, onnx.TensorProto.INT32),
        (model.graph.output, OUTPUTS, onnx.TensorProto.FLOAT),
    ):
        assert {tensor.name for tensor in tensors} == set(names)
        for tensor in tensors:
            assert tensor.type.tensor_type.elem_type == kind
            axes = [axis.dim_param for axis in tensor.type.tensor_type.shape.dim]
            assert axes == ["batch", "sequence"]


def test_fusions_beside_attention(exported: Exported) -> None:
    graph = onnx.load(exported.repository / "electra_qa_onnx_fp32/1/model.onnx").graph
    layers = exported.golden.checkpoint.config.num_hidden_layers
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("BiasGelu") == layers
    assert kinds.count("SkipLayerNormalization") == 2 * layers


def test_int8_leaves_feed_forward_outputs_in_float(exported: Exported) -> None:
    graph = onnx.load(exported.repository / "electra_qa_onnx_int8/1/model.onnx").graph
    layers = exported.golden.checkpoint.config.num_hidden_layers
    kept = [node.input[1] for node in graph.node if node.op_type == "MatMul"]
    assert kept == [f"encoder.layer.{number}.output.dense.weight" for number in range(layers)]


def test_int8_is_near(exported: Exported) -> None:
    rows = exported.report.variants
    int8, fp32 = rows["electra_qa_onnx_int8"], rows["electra_qa_onnx_fp32"]
    assert fp32.parity.largest_logit_difference < int8.parity.largest_logit_difference
    assert int8.parity.mean_logit_difference < 0.5  # weights are random: of logits around 1


@pytest.fixture
def converted(golden: Golden) -> tuple[onnx.ModelProto, Checkpoint]:
    return convert(golden.checkpoint), golden.checkpoint


def test_attention_that_is_not_recognised_fails(
    converted: tuple[onnx.ModelProto, Checkpoint],
) -> None:
    """As when TensorFlow makes the division by the scale a multiplication."""
    model, checkpoint = converted
    (_, divided, *_) = [node for node in model.graph.node if "attention.scale" in node.input]
    divided.op_type = "Mul"
    layers = checkpoint.config.num_hidden_layers
    with pytest.raises(ExportError, match=f"fused {layers - 1} attention layers of {layers}"):
        fuse(model, checkpoint.config)
