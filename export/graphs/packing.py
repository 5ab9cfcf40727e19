"""The float16 graph in packing mode: padding is removed inside of it, so none is computed.

RemovePadding puts the real tokens of a batch behind each other, ``[tokens, hidden]``; every layer
computes on those alone, PackedAttention within each row; RestorePadding puts zeros back where
there was padding, before the last dense layer, whose logits there are its bias: finite, and
without a meaning. A row of padding alone is well defined beside others; a batch of nothing else
leaves no token to compute, which CUDA refuses.
"""

import onnx
from onnxruntime.transformers.convert_to_packing_mode import PackingMode
from onnxruntime.transformers.onnx_model import OnnxModel

from export.errors import ExportError
from export.graphs.onnx_graph import count_attention


def pack(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` in packing mode; ``model`` itself is used up.

    Raises ExportError when ONNX Runtime's converter does not pack every attention layer, as when
    they do not share one mask.
    """
    layers = count_attention(model)
    packing = PackingMode(OnnxModel(model))
    packing.convert(use_symbolic_shape_infer=False)  # ONNX Runtime infers them when it loads
    packing.model.topological_sort()  # the new nodes are at the end
    packed: onnx.ModelProto = packing.model.model
    found = sum(node.op_type == "PackedAttention" for node in packed.graph.node)
    if found != layers:
        raise ExportError(
            f"ONNX Runtime packed {found} attention layers of {layers}; the fused graph and the "
            f"installed onnxruntime do not fit"
        )
    return packed
