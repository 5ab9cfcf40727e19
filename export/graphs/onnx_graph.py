"""The ONNX graphs of ELECTRA, plain and fused, without the weights, which are attached later.

The weights never pass through tf2onnx, which copies constants many times (17 GB for
ELECTRA-base): they are inputs of the traced graph. Nor do they pass through the fusions. So the
graphs depend on the config alone and are small; ``export.graphs.onnx_file`` writes them with
weights.
"""

from dataclasses import replace

import numpy as np
import onnx
from onnxruntime.transformers.optimizer import optimize_model

from export.checkpoint.config import ElectraConfig
from export.checkpoint.weights import Shape
from export.errors import ExportError
from export.graphs.electra import logits
from export.graphs.graph_weights import PARTS, QKV, graph_shape, graph_shapes
from export.graphs.onnx_file import is_empty
from export.tensorflow import tf, tf2onnx
from qa.tensors import INPUTS, OUTPUTS

OPSET = 18  # in 17, ReduceMean may become GlobalAveragePool, which blocks LayerNorm's fusion
MAX_IR_VERSION = 10  # the newest for ONNX Runtime 1.20.1, in NVIDIA's last image with TensorFlow
DYNAMIC_AXES = ("batch", "sequence")


def plain_graph(config: ElectraConfig) -> onnx.ModelProto:
    """Return the unfused graph; its initializers have names and shapes, but no values yet.

    It has int32 inputs and float32 outputs ``[batch, sequence]``, named as in ``qa.tensors``.
    """
    shapes = graph_shapes(config)
    model: onnx.ModelProto
    model, _ = tf2onnx.convert.from_graph_def(
        _trace(config),
        name="electra_qa",
        input_names=[f"{name}:0" for name in (*INPUTS, *shapes)],
        output_names=[f"{name}:0" for name in OUTPUTS],
        opset=OPSET,
    )
    model.ir_version = min(model.ir_version, MAX_IR_VERSION)
    _rename_tensors(model.graph)
    _rename_inner(model.graph)
    inputs = [each for each in model.graph.input if each.name not in shapes]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for name, shape in shapes.items():
        tensor = model.graph.initializer.add(name=name, data_type=onnx.TensorProto.FLOAT)
        _empty(tensor, shape)
    for tensor in (*model.graph.input, *model.graph.output):
        _name_axes(tensor)
    return model


def _empty(tensor: onnx.TensorProto, shape: Shape) -> None:
    for field in ("raw_data", "float_data"):
        tensor.ClearField(field)
    tensor.dims[:] = shape


def _trace(config: ElectraConfig) -> object:
    """Return a TensorFlow GraphDef whose weights are placeholders."""
    with tf.Graph().as_default() as graph:
        placeholder = tf.compat.v1.placeholder
        results = logits(
            config,
            {
                name: placeholder(tf.float32, each, name)
                for name, each in graph_shapes(config).items()
            },
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


def _rename_inner(graph: onnx.GraphProto) -> None:
    """Name nodes, the tensors between them, and constants by their order.

    Where the converter merges duplicates it keeps any of their names, so that the same graph would
    give a different file each time.
    """
    outputs = {output.name for output in graph.output}
    names = {
        name: f"{node.op_type}_{number}_{place}"
        for number, node in enumerate(graph.node)
        for place, name in enumerate(node.output)
        if name not in outputs
    }
    used = dict.fromkeys(name for node in graph.node for name in node.input)
    constants = {each.name: each for each in graph.initializer}
    for number, name in enumerate(filter(constants.get, used)):
        names[name] = constants[name].name = f"constant_{number}"
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{number}"
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    del graph.value_info[:]
    graph.initializer.sort(key=lambda each: int(each.name.removeprefix("constant_")))


def _name_axes(tensor: onnx.ValueInfoProto) -> None:
    for dimension, name in zip(tensor.type.tensor_type.shape.dim, DYNAMIC_AXES, strict=True):
        dimension.Clear()
        dimension.dim_param = name


def fused_graph(config: ElectraConfig) -> onnx.ModelProto:
    """Return the graph with ONNX Runtime's fused operators; its weights have no values yet.

    The fusions read the weights, but do not depend on their sizes: so they are given a narrow
    model. Raises ExportError when they do not recognise every attention layer.
    """
    narrow = _narrow(config)
    graph = plain_graph(narrow)
    names = [each.name for each in graph.graph.initializer]
    weights = {each.name for each in graph.graph.initializer if is_empty(each)}
    _number(graph.graph)
    fused = fuse(graph, narrow)
    _name_joined(fused.graph, names)
    del fused.graph.value_info[:]  # of the narrow model
    for each in fused.graph.initializer:
        if each.name in weights or QKV in each.name:
            _empty(each, graph_shape(config, each.name))
    return fused


def _narrow(config: ElectraConfig) -> ElectraConfig:
    """Return the config of a small model; sizes that differ in ``config`` differ in it too."""
    hidden = 8 * config.num_attention_heads
    return replace(
        config,
        hidden_size=hidden,
        embedding_size=hidden // 2 if config.has_projection else hidden,
        intermediate_size=3 * hidden,
        vocab_size=7,
        max_position_embeddings=11,
    )


def _number(graph: onnx.GraphProto) -> None:
    """Fill each weight with its number among the initializers, to recognise it when joined."""
    for number, each in enumerate(graph.initializer):
        if is_empty(each):
            each.raw_data = np.full(each.dims, number, np.float32).tobytes()


def fuse(plain: onnx.ModelProto, config: ElectraConfig) -> onnx.ModelProto:
    """Return ``plain``, whose weights have values, fused; ``plain`` itself is changed.

    Raises ExportError when there are not as many fused attention nodes as layers.
    """
    optimized = optimize_model(
        plain,
        model_type="bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
        opt_level=0,
    )
    optimized.topological_sort()
    fused: onnx.ModelProto = optimized.model
    fused.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    if (found := count_nodes(fused, "Attention")) != config.num_hidden_layers:
        raise ExportError(
            f"ONNX Runtime fused {found} attention layers of {config.num_hidden_layers}: it needs "
            f"2 heads or more (here {config.num_attention_heads}) and a layer_norm_eps below 1e-4 "
            f"(here {config.layer_norm_eps:g}); if both are so, the installed onnxruntime does not "
            f"fit the graph of export/graphs/electra.py. Other formats than ONNX need no fusions"
        )
    return fused


def _name_joined(graph: onnx.GraphProto, names: list[str]) -> None:
    """Name what the fusion joined, a layer's query, key and value, after the layer.

    Raises ExportError when it joined other weights, or in another order.
    """
    renamed = {}
    for each in graph.initializer:
        if each.name not in names and each.name.startswith("Attention_"):
            values = onnx.numpy_helper.to_array(each)
            numbers = values.reshape(-1, len(PARTS), each.dims[-1] // len(PARTS))[0, :, 0]
            parts = [names[int(number)] for number in numbers]
            name = parts[0].replace(PARTS[0], QKV)
            if parts != [name.replace(QKV, part) for part in PARTS]:
                raise ExportError(
                    f"ONNX Runtime joined {', '.join(parts)} in {each.name}, not query, key and "
                    f"value of one layer: the installed onnxruntime does not fit"
                )
            renamed[each.name] = each.name = name
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]


def count_nodes(model: onnx.ModelProto, operator: str) -> int:
    """Return how many nodes of ``model`` are of this operator."""
    return sum(node.op_type == operator for node in model.graph.node)
