"""The fused ONNX graph of a checkpoint, from which every ONNX variant is made.

The weights never pass through tf2onnx, which copies constants many times (17 GB for
ELECTRA-base): they are inputs of the traced graph, and become initializers of the ONNX graph.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.transformers.optimizer import optimize_model

from export.checkpoint import Checkpoint
from export.config import ElectraConfig
from export.electra import graph_weights, logits
from export.errors import ExportError
from export.quiet import tf, tf2onnx
from qa.tensors import INPUTS, OUTPUTS

OPSET = 18  # in 17, ReduceMean may become GlobalAveragePool, which blocks LayerNorm's fusion
MAX_IR_VERSION = 10  # the newest that ONNX Runtime 1.20.1 reads, of the last image with TensorFlow
DYNAMIC_AXES = ("batch", "sequence")


def fused_graph(checkpoint: Checkpoint) -> onnx.ModelProto:
    """Return the graph with int32 inputs and float32 outputs ``[batch, sequence]``.

    Raises ExportError when ONNX Runtime's fusions do not recognise every attention layer.
    """
    return fuse(convert(checkpoint), checkpoint.config)


def convert(checkpoint: Checkpoint) -> onnx.ModelProto:
    """Return the plain, unfused graph with its weights."""
    weights = graph_weights(checkpoint)
    model: onnx.ModelProto
    model, _ = tf2onnx.convert.from_graph_def(
        _trace(checkpoint.config, weights),
        name="electra_qa",
        input_names=[f"{name}:0" for name in (*INPUTS, *weights)],
        output_names=[f"{name}:0" for name in OUTPUTS],
        opset=OPSET,
    )
    model.ir_version = min(model.ir_version, MAX_IR_VERSION)
    _rename_tensors(model.graph)
    _attach(model.graph, weights)
    for tensor in (*model.graph.input, *model.graph.output):
        _name_axes(tensor)
    return model


def _trace(config: ElectraConfig, weights: Mapping[str, NDArray[np.float32]]) -> Any:
    """Return a TensorFlow GraphDef whose weights are placeholders."""
    with tf.Graph().as_default() as graph:
        placeholder = tf.compat.v1.placeholder
        results = logits(
            config,
            {name: placeholder(tf.float32, each.shape, name) for name, each in weights.items()},
            {name: placeholder(tf.int32, [None, None], name) for name in INPUTS},
        )
        for name, result in results.items():
            tf.identity(result, name)
    return graph.as_graph_def(add_shapes=True)


def _rename_tensors(graph: onnx.GraphProto) -> None:
    """Drop TensorFlow's output number from the names: ``input_ids:0`` is ``input_ids``."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [name.removesuffix(":0") for name in names]
    for tensor in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        tensor.name = tensor.name.removesuffix(":0")


def _attach(graph: onnx.GraphProto, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Turn those inputs that are weights into initializers."""
    inputs = [each for each in graph.input if each.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    for name, values in weights.items():
        graph.initializer.append(onnx.numpy_helper.from_array(values, name))


def _name_axes(tensor: onnx.ValueInfoProto) -> None:
    for dimension, name in zip(tensor.type.tensor_type.shape.dim, DYNAMIC_AXES, strict=True):
        dimension.Clear()
        dimension.dim_param = name


def fuse(model: onnx.ModelProto, config: ElectraConfig) -> onnx.ModelProto:
    """Return ``model`` with ONNX Runtime's fused operators; ``model`` itself is used up.

    Raises ExportError when the number of fused attention nodes is not that of the layers.
    """
    optimized = optimize_model(
        model,
        model_type="bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
        opt_level=0,
    )
    optimized.topological_sort()
    fused: onnx.ModelProto = optimized.model
    fused.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    if (found := count_attention(fused)) != config.num_hidden_layers:
        raise ExportError(
            f"ONNX Runtime fused {found} attention layers of {config.num_hidden_layers}; the graph "
            f"of export/electra.py and the installed onnxruntime do not fit"
        )
    return fused


def count_attention(model: onnx.ModelProto) -> int:
    """Return the number of fused attention nodes, float or quantized."""
    return sum(node.op_type in ("Attention", "QAttention") for node in model.graph.node)
