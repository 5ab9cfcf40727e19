"""The float16 graph in packing mode: padding is removed inside the graph, so none is computed.

RemovePadding puts the real tokens of a batch one after another, ``[tokens, hidden]``; every layer
computes only those, and PackedAttention attends within each row. Before the last dense layer,
RestorePadding puts zeros where padding was: the logits there are the layer's bias, finite but
without a meaning. A row of padding alone works beside others; a batch of such rows leaves no token
to compute, which CUDA refuses.
"""

import onnx
from onnxruntime.transformers.convert_to_packing_mode import PackingMode
from onnxruntime.transformers.onnx_model import OnnxModel

from export.errors import ExportError
from export.graphs.onnx_graph import count_nodes


def pack(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` in packing mode; ``model`` itself is changed.

    Raises ExportError when ONNX Runtime's converter does not pack every attention layer, for
    example because they do not share one mask.
    """
    layers = count_nodes(model, "Attention")
    packing = PackingMode(OnnxModel(model))
    packing.convert(use_symbolic_shape_infer=False)  # ONNX Runtime infers them when it loads
    packing.model.topological_sort()  # the new nodes are at the end
    packed: onnx.ModelProto = packing.model.model
    if (found := count_nodes(packed, "PackedAttention")) != layers:
        raise ExportError(
            f"ONNX Runtime packed {found} attention layers of {layers}; the installed onnxruntime "
            f"does not fit the fused graph"
        )
    return packed
