"""Dynamic int8 of the fused ONNX graph, rearranged for CPUs before and after it is quantized."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.quant_utils import QuantizationMode
from onnxruntime.quantization.registry import IntegerOpsRegistry

from export.errors import ExportError
from export.graphs.onnx_file import EXTERNAL_SUFFIX, LARGEST_FILE, is_empty

LAST_AXIS = "last_axis"
SMALLEST = "smallest_scale"
SMALLEST_SCALE = 1e-6  # so that a row of zeros can be divided
_SMALL = 1024  # bytes of a tensor that shape inference may have to look into


def write_int8(source: Path, file: Path) -> None:
    """Write the fused graph in ``source`` with int8 weights per channel.

    Activations are quantized dynamically, those of dense layers with a scale for each token.

    It does what ``quantize_dynamic`` does, but without its three copies of the model in memory, nor
    its files, which do not notice a full disk. LayerNorm gets the form that is fast on a CPU.
    """
    fused = onnx.load(source)
    scale_rows(fused.graph)
    model = _quantizer(fused).quantize_model()
    split_skips(model.graph)
    large = model.ByteSize() > LARGEST_FILE
    beside = f"{file.name}{EXTERNAL_SUFFIX}" if large else None
    onnx.save(model, file, save_as_external_data=large, location=beside)


def scale_rows(graph: onnx.GraphProto) -> None:
    """Divide the input of each dense layer by the largest magnitude of its row.

    The output is multiplied by it again, so the product is the same. Some tokens have far larger
    values than others, most of all after GELU: dynamic int8's one scale for all leaves most tokens
    few steps. Divided, each token reaches 1 or -1. Queries, keys and values are left alone: ONNX
    Runtime computes them inside QAttention. Raises ExportError when no node is a dense layer.
    """
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        graph.node.extend(_scaled(node) if _is_dense(node) else [node])
    if len(graph.node) == len(nodes):
        raise ExportError("the graph has no dense layer")
    smallest = np.array(SMALLEST_SCALE, np.float32)
    graph.initializer.append(numpy_helper.from_array(np.array([-1], np.int64), LAST_AXIS))
    graph.initializer.append(numpy_helper.from_array(smallest, SMALLEST))


def _is_dense(node: onnx.NodeProto) -> bool:
    return bool(node.op_type == "MatMul" and node.input[1].endswith(".dense.weight"))


def _scaled(dense: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    name, values, product = dense.name, dense.input[0], dense.output[0]
    magnitudes, largest, scale = f"{name}_magnitudes", f"{name}_largest", f"{name}_scale"
    yield _node("Abs", [values], magnitudes)
    yield _node("ReduceMax", [magnitudes, LAST_AXIS], largest)
    yield _node("Max", [largest, SMALLEST], scale)
    yield _node("Reciprocal", [scale], f"{name}_inverse")
    yield _node("Mul", [values, f"{name}_inverse"], f"{name}_unit")
    dense.input[0], dense.output[0] = f"{name}_unit", f"{name}_unscaled"
    yield dense
    yield _node("Mul", [f"{name}_unscaled", scale], product)


def split_skips(graph: onnx.GraphProto) -> None:
    """Replace each SkipLayerNormalization of ``graph`` by its additions and a LayerNormalization.

    ONNX Runtime's CPU kernel of the fused operator takes three times as long (1.32, AVX2:
    docs/performance.md).
    """
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        is_fused = node.op_type == "SkipLayerNormalization"
        graph.node.extend(_parts(node) if is_fused else [node])


def _parts(norm: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    values, skip, gamma, beta, *bias = norm.input
    if bias:
        yield _node("Add", [values, bias[0]], f"{norm.name}_biased")
        values = f"{norm.name}_biased"
    total = f"{norm.name}_sum"
    yield _node("Add", [values, skip], total)
    (epsilon,) = (each.f for each in norm.attribute if each.name == "epsilon")
    (output,) = norm.output  # the graph does not ask for the operator's other outputs
    inputs = [total, gamma, beta]
    yield helper.make_node(
        "LayerNormalization", inputs, [output], name=norm.name, axis=-1, epsilon=epsilon
    )


def _node(operator: str, inputs: list[str], output: str) -> onnx.NodeProto:
    """Return a node that is named after its output."""
    return helper.make_node(operator, inputs, [output], name=output)


def _quantizer(fused: onnx.ModelProto) -> ONNXQuantizer:
    """Return a quantizer of ``fused`` that gets the weights once it has inferred the shapes.

    To infer them it copies its model, to files and back, and needs none of the weights.
    """
    quantizer = ONNXQuantizer(
        _without_weights(fused),
        per_channel=True,
        reduce_range=False,
        mode=QuantizationMode.IntegerOps,
        static=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=None,
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=list(IntegerOpsRegistry),
        extra_options={
            "MatMulConstBOnly": True,
            "DefaultTensorType": onnx.TensorProto.FLOAT,  # where no type was inferred
        },
    )
    weights = {each.name: each for each in fused.graph.initializer}
    for each in quantizer.model.initializer():
        if is_empty(each):
            each.raw_data = weights[each.name].raw_data
            each.data_location = onnx.TensorProto.DEFAULT  # as in a tensor read from a file
    return quantizer


def _without_weights(fused: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of ``fused`` in which large tensors have no values."""
    bare = onnx.ModelProto()
    bare.CopyFrom(fused)
    for each in bare.graph.initializer:
        if len(each.raw_data) > _SMALL:
            each.ClearField("raw_data")
    return bare
