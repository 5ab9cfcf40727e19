"""A scale for each token's activations, where dynamic int8 has one for all of them."""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from export.errors import ExportError

LAST_AXIS = "last_axis"
SMALLEST = "smallest_scale"
SMALLEST_SCALE = 1e-6  # so that a row of zeros can be divided


def scale_rows(graph: onnx.GraphProto) -> None:
    """Divide what goes into each dense layer of ``graph`` by the largest magnitude of its row.

    What comes out is multiplied by it again, so that the product is the same. Some tokens have far
    larger values than others, most of all behind GELU: one scale for all of them leaves most tokens
    few steps. Divided, each reaches 1 or -1. Queries, keys and values stay as they are: ONNX
    Runtime computes them inside of QAttention. Raises ExportError when no node is a dense layer.
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

    def step(operator: str, inputs: list[str], output: str) -> onnx.NodeProto:
        return helper.make_node(operator, inputs, [output], name=output)

    magnitudes, largest, scale = f"{name}_magnitudes", f"{name}_largest", f"{name}_scale"
    yield step("Abs", [values], magnitudes)
    yield step("ReduceMax", [magnitudes, LAST_AXIS], largest)
    yield step("Max", [largest, SMALLEST], scale)
    yield step("Reciprocal", [scale], f"{name}_inverse")
    yield step("Mul", [values, f"{name}_inverse"], f"{name}_unit")
    dense.input[0], dense.output[0] = f"{name}_unit", f"{name}_unscaled"
    yield dense
    yield step("Mul", [f"{name}_unscaled", scale], product)
