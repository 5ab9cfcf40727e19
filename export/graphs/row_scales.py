"""A scale for each token's activations, where dynamic int8 has one for all of them."""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from export.errors import ExportError

LAST_AXIS = "last_axis"
SMALLEST = "smallest_scale"
#: What a scale is at least; a row of zeros has this one. GELU gives no less than -0.17.
SMALLEST_SCALE = 0.17


def scale_rows(graph: onnx.GraphProto) -> None:
    """Divide what goes into each second dense layer of ``graph`` by each row's largest value.

    What comes out is multiplied by it again, so that the product is the same. GELU gives some
    tokens values far larger than others': one scale for all of them leaves most tokens few steps.
    Divided, each ends at 1. Raises ExportError when no node is such a layer.
    """
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        graph.node.extend(_scaled(node) if _is_second_dense(node) else [node])
    if len(graph.node) == len(nodes):
        raise ExportError("the graph has no second dense layer of a feed-forward block")
    graph.initializer.append(numpy_helper.from_array(np.array([-1], np.int64), LAST_AXIS))
    graph.initializer.append(
        numpy_helper.from_array(np.array(SMALLEST_SCALE, np.float32), SMALLEST)
    )


def _is_second_dense(node: onnx.NodeProto) -> bool:
    """Whether ``node`` multiplies by ``encoder.layer.N.output.dense``, which follows GELU."""
    if node.op_type != "MatMul":
        return False
    weight = node.input[1]
    of_attention = weight.endswith(".attention.output.dense.weight")
    return weight.endswith(".output.dense.weight") and not of_attention


def _scaled(dense: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    name, values, product = dense.name, dense.input[0], dense.output[0]

    def node(kind: str, inputs: list[str], output: str, **attributes: int) -> onnx.NodeProto:
        return helper.make_node(kind, inputs, [output], name=f"{name}_{kind}", **attributes)

    yield node("ReduceMax", [values, LAST_AXIS], f"{name}_largest", keepdims=1)
    yield node("Max", [f"{name}_largest", SMALLEST], f"{name}_scale")
    yield node("Reciprocal", [f"{name}_scale"], f"{name}_inverse")
    yield helper.make_node(
        "Mul", [values, f"{name}_inverse"], [f"{name}_unit"], name=f"{name}_divide"
    )
    dense.input[0], dense.output[0] = f"{name}_unit", f"{name}_unscaled"
    yield dense
    yield node("Mul", [f"{name}_unscaled", f"{name}_scale"], product)
