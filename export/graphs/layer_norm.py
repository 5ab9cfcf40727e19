"""SkipLayerNormalization taken apart for CPUs, where its parts are faster."""

import onnx
from onnx import helper


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


def _parts(norm: onnx.NodeProto) -> list[onnx.NodeProto]:
    values, skip, gamma, beta, *bias = norm.input
    parts = []
    if bias:
        parts.append(_add(values, bias[0], f"{norm.name}_biased"))
        values = f"{norm.name}_biased"
    parts.append(_add(values, skip, f"{norm.name}_sum"))
    (epsilon,) = (each.f for each in norm.attribute if each.name == "epsilon")
    inputs = (f"{norm.name}_sum", gamma, beta)
    (output,) = norm.output  # the others of the operator are not asked for
    parts.append(
        helper.make_node(
            "LayerNormalization", inputs, [output], name=norm.name, axis=-1, epsilon=epsilon
        )
    )
    return parts


def _add(one: str, other: str, name: str) -> onnx.NodeProto:
    return helper.make_node("Add", [one, other], [name], name=name)
