"""The fused ONNX graph in float16."""

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

from export.graphs.onnx_file import is_empty, to_float16


def to_fp16(fused: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``fused`` with float16 weights and arithmetic; inputs and outputs keep their types.

    No operator stays in float32: every kernel takes float16, and sees to the precision of its own
    softmax or LayerNorm. Weights without values get them from ``export.graphs.onnx_file``, which
    writes them in their dtype. ``fused`` is not changed.
    """
    graph = fused.graph
    half: onnx.ModelProto = onnx.helper.make_model(
        onnx.helper.make_graph(graph.node, graph.name, graph.input, graph.output),
        opset_imports=fused.opset_import,
        ir_version=fused.ir_version,
    )
    for tensor in graph.initializer:
        half.graph.initializer.append(_to_fp16(tensor))
    # the types between nodes matter only at nodes that stay in float32, and there are none
    converted: onnx.ModelProto = convert_float_to_float16(
        half, keep_io_types=True, disable_shape_infer=True
    )
    return converted


def _to_fp16(tensor: onnx.TensorProto) -> onnx.TensorProto:
    if tensor.data_type != onnx.TensorProto.FLOAT:
        return tensor
    if is_empty(tensor):
        half = onnx.TensorProto(name=tensor.name, dims=tensor.dims)
        half.data_type = onnx.TensorProto.FLOAT16
        return half
    return onnx.numpy_helper.from_array(to_float16(onnx.numpy_helper.to_array(tensor)), tensor.name)
