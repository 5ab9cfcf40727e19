"""The fused operators, each of which ONNX Runtime's optimizer makes of several nodes.

In float, packed and quantized, they are those of onnxruntime.transformers,
``get_fused_operator_statistics`` and ``convert_to_packing_mode``.
"""

from collections.abc import Mapping

#: What a layer's attention may become; MultiHeadAttention is for other graphs, an error here.
ATTENTION = ("Attention", "PackedAttention", "QAttention")
OTHERS = (
    *("EmbedLayerNormalization", "LayerNormalization", "SkipLayerNormalization"),
    *("BiasGelu", "FastGelu", "Gelu"),
)


def count(operators: Mapping[str, int], kinds: tuple[str, ...]) -> int:
    """Return how many nodes, of a graph's ``operators``, are of these kinds."""
    return sum(operators.get(kind, 0) for kind in kinds)
