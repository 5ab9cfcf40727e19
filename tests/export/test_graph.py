"""The graphs: equal to Hugging Face's logits, fused, and true to the tensor contract."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic

from export.errors import ExportError
from export.graphs import onnx_graph
from export.graphs.graph_weights import SCALE, graph_shapes
from export.graphs.onnx_file import EXTERNAL_SUFFIX, is_empty, write_onnx
from export.graphs.onnx_graph import fuse, fused_graph, plain_graph
from export.graphs.onnx_int8 import scale_rows, split_skips, write_int8
from export.graphs.savedmodel import write_savedmodel
from export.proof.fused_operators import ATTENTION
from export.proof.parity import Model
from export.proof.reference import reference_logits
from export.proof.runtime import load_model
from export.variants import VARIANTS, Variant, variant_named
from qa.tensors import END_LOGITS, INPUTS, OUTPUTS, START_LOGITS
from tests.export.conftest import Exported, Golden, Sources, check_onnx

pytestmark = pytest.mark.thorough

EXACT = [variant for variant in VARIANTS if variant.precision in ("fp32", "tf32")]
ONNX = [variant for variant in VARIANTS if variant.format == "onnx"]
ONNX_FP32 = variant_named("onnx_fp32")


def by_name(variant: Variant) -> str:
    return variant.name


def load(exported: Exported, variant: Variant) -> Model:
    return load_model(variant, exported.repository / variant.file)


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


@pytest.mark.parametrize("graph", ["plain", "fused"])
def test_graphs_are_what_hugging_face_computes(
    golden: Golden, sources: Sources, graph: str
) -> None:
    found = load_model(ONNX_FP32, getattr(sources, graph))(golden.inputs)
    assert largest_difference(golden, found) < 1e-4


@pytest.mark.parametrize(("half", "tolerance"), [(False, 1e-4), (True, 0.03)])
def test_savedmodel_is_what_hugging_face_computes(
    golden: Golden, tmp_path: Path, half: bool, tolerance: float
) -> None:
    write_savedmodel(golden.checkpoint, tmp_path / "model.savedmodel", half=half)
    model = load_model(variant_named("savedmodel_fp32"), tmp_path / "model.savedmodel")
    difference = largest_difference(golden, model(golden.inputs))
    assert difference < tolerance
    assert (difference > 1e-4) is half  # else it does not compute in fp16


@pytest.mark.parametrize("variant", EXACT, ids=by_name)
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
    check_onnx(model)
    fused = sum(node.op_type in ATTENTION for node in model.graph.node)
    assert fused == exported.golden.checkpoint.config.num_hidden_layers


def test_positions_are_a_slice_that_cuda_can_take(golden: Golden) -> None:
    """In strict mode CUDA's SkipLayerNormalization refuses a skip that all rows share.

    By ONNX Runtime's contrib_ops/cuda/bert/skip_layer_norm.cc, as of 1.20.
    """
    nodes = fused_graph(golden.checkpoint.config).graph.node
    assert "Range" not in {node.op_type for node in nodes}
    makers = {name: node for node in nodes for name in node.output}
    positions = "embeddings.position_embeddings.weight"
    (cut,) = (node for node in nodes if positions in node.input)
    assert cut.op_type == "Slice"
    (norm, *others) = (node for node in nodes if node.op_type == "SkipLayerNormalization")
    assert [makers[name].op_type for name in norm.input[:2]] == ["Gather", "Add"]
    assert cut.output[0] in makers[norm.input[1]].input
    assert all(cut.output[0] not in node.input for node in (norm, *others))


def test_fusions_beside_attention(exported: Exported) -> None:
    operators = exported.report.variants["electra_qa_onnx_fp32"].operators
    layers = exported.golden.checkpoint.config.num_hidden_layers
    assert operators is not None
    assert operators["BiasGelu"] == layers
    assert operators["SkipLayerNormalization"] == 2 * layers + 1  # the embeddings have one too


def test_every_product_with_weights_is_int8(exported: Exported) -> None:
    operators = exported.report.variants["electra_qa_onnx_int8"].operators
    in_float = exported.report.variants["electra_qa_onnx_fp32"].operators
    assert operators is not None
    assert in_float is not None
    assert "MatMul" not in operators
    assert operators["MatMulInteger"] == in_float["MatMul"]
    assert operators["QAttention"] == in_float["Attention"]


def test_scaled_rows_give_the_same_logits(golden: Golden, sources: Sources, tmp_path: Path) -> None:
    model = onnx.load(sources.fused)
    scale_rows(model.graph)
    onnx.save(model, tmp_path / "scaled.onnx")
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("Reciprocal") == 3 * golden.checkpoint.config.num_hidden_layers
    found = load_model(ONNX_FP32, tmp_path / "scaled.onnx")(golden.inputs)
    assert largest_difference(golden, found) < 1e-4


def test_a_graph_without_dense_layers_is_refused(sources: Sources) -> None:
    model = onnx.load(sources.fused)
    for node in model.graph.node:
        node.op_type = node.op_type.replace("MatMul", "Gemm")
    with pytest.raises(ExportError, match="no dense layer"):
        scale_rows(model.graph)


def test_int8_is_what_quantize_dynamic_makes(sources: Sources, tmp_path: Path) -> None:
    """For the graph with scaled rows, except the order of the nodes and LayerNorm in parts."""
    scaled = onnx.load(sources.fused)
    scale_rows(scaled.graph)
    onnx.save(scaled, tmp_path / "scaled.onnx")
    ours, theirs = tmp_path / "ours.onnx", tmp_path / "theirs.onnx"
    write_int8(sources.fused, ours)
    quantize_dynamic(
        tmp_path / "scaled.onnx",
        theirs,
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    found, wanted = onnx.load(ours).graph, onnx.load(theirs).graph
    split_skips(wanted)
    assert list(found.initializer) == list(wanted.initializer)
    assert sorted(map(str, found.node)) == sorted(map(str, wanted.node))


def test_layer_norm_in_parts_gives_the_same_logits(
    golden: Golden, sources: Sources, tmp_path: Path
) -> None:
    model = onnx.load(sources.fused)
    split_skips(model.graph)
    onnx.save(model, tmp_path / "parts.onnx")
    operators = [node.op_type for node in model.graph.node]
    assert "SkipLayerNormalization" not in operators
    assert (
        operators.count("LayerNormalization") == 2 * golden.checkpoint.config.num_hidden_layers + 1
    )
    found = load_model(ONNX_FP32, tmp_path / "parts.onnx")(golden.inputs)
    assert largest_difference(golden, found) < 1e-4


@pytest.mark.parametrize("name", ["onnx_int8", "openvino_int8"])
def test_int8_is_near(exported: Exported, name: str) -> None:
    rows = exported.report.variants
    int8, fp32 = rows[f"electra_qa_{name}"], rows["electra_qa_onnx_fp32"]
    assert fp32.parity.largest_logit_difference < int8.parity.largest_logit_difference
    assert int8.parity.mean_logit_difference < 0.5  # weights are random: of logits around 1


def test_graphs_hold_no_weights(golden: Golden) -> None:
    for graph in (plain_graph(golden.checkpoint.config), fused_graph(golden.checkpoint.config)):
        sizes = [len(each.raw_data) for each in graph.graph.initializer]
        assert max(sizes) < 100
        assert sum(is_empty(each) for each in graph.graph.initializer) > 30


def test_external_data(golden: Golden, sources: Sources, tmp_path: Path) -> None:
    """Where one file would be too large, the weights are beside it, and the model is the same."""
    graph, path = fused_graph(golden.checkpoint.config), tmp_path / "model.onnx"
    limit = sources.fused.stat().st_size // 2
    write_onnx(graph, golden.checkpoint, path, largest_file=limit)
    beside = path.with_name(path.name + EXTERNAL_SUFFIX)
    assert path.stat().st_size < limit < beside.stat().st_size
    onnx.checker.check_model(path)
    found = load_model(ONNX_FP32, path)(golden.inputs)
    expected = load_model(ONNX_FP32, sources.fused)(golden.inputs)
    for name in OUTPUTS:
        np.testing.assert_array_equal(found[name], expected[name])


def numbered(golden: Golden) -> onnx.ModelProto:
    """The plain graph of a narrow model with values, as the fusions get it."""
    model = plain_graph(onnx_graph._narrow(golden.checkpoint.config))
    onnx_graph._number(model.graph)
    return model


def test_attention_that_is_not_recognised_fails(golden: Golden) -> None:
    """For example when TensorFlow turns the division by the scale into a multiplication."""
    model, config = numbered(golden), golden.checkpoint.config
    (_, divided, *_) = [node for node in model.graph.node if SCALE in node.input]
    divided.op_type = "Mul"
    layers = config.num_hidden_layers
    with pytest.raises(ExportError, match=f"fused {layers - 1} attention layers of {layers}"):
        fuse(model, onnx_graph._narrow(config))


def test_weights_that_were_joined_otherwise_fail(golden: Golden) -> None:
    """For example when another onnxruntime puts the key before the query."""
    model, config = numbered(golden), golden.checkpoint.config
    names = [each.name for each in model.graph.initializer]
    fused = fuse(model, onnx_graph._narrow(config))
    names[names.index("encoder.layer.1.attention.self.key.weight")] = "another"
    with pytest.raises(ExportError, match=r"joined encoder\.layer\.1\.\S*query\.weight, another, "):
        onnx_graph._name_joined(fused.graph, names)


def test_narrow_model_has_all_names(golden: Golden) -> None:
    config = golden.checkpoint.config
    narrow = onnx_graph._narrow(config)
    assert list(graph_shapes(narrow)) == list(graph_shapes(config))
    assert narrow.has_projection == config.has_projection
