"""ELECTRA for question answering in plain TensorFlow: the one definition of the graph.

Computes what Hugging Face's ``ElectraForQuestionAnswering`` does (Clark et al. 2020), written
in operations that ONNX Runtime's BERT fusions recognise: ``matmul + bias`` on
``[batch, sequence, hidden]``, LayerNorm by ``pow`` and ``sqrt``, GELU by ``erf``.

An operation computes in the dtype of the weights that it uses; the residual stream, the softmax
and the logits are float32.
"""

import math
from collections.abc import Mapping
from typing import Any

from export.checkpoint.config import ElectraConfig
from export.graphs.graph_weights import SCALE
from export.tensorflow import tf
from qa.tensors import ATTENTION_MASK, END_LOGITS, INPUT_IDS, START_LOGITS, TOKEN_TYPE_IDS

# added to the scores of padding before the softmax; float16 holds it too
MASKED_SCORE = -10_000.0

Tensors = Mapping[str, Any]


def logits(config: ElectraConfig, weights: Tensors, inputs: Tensors) -> dict[str, Any]:
    """Return start and end logits, float32 ``[batch, sequence]``, by their name in ``qa.tensors``.

    ``weights`` are tensors, named and shaped as in ``graph_shapes``; ``inputs`` int32
    ``[batch, sequence]`` by their name. Padding must be on the right: fused attention reads the
    mask as a length.
    """
    hidden = _embed(config, weights, inputs[INPUT_IDS], inputs[TOKEN_TYPE_IDS])
    mask = tf.expand_dims(tf.expand_dims(inputs[ATTENTION_MASK], 1), 2)
    masked = (1.0 - tf.cast(mask, tf.float32)) * MASKED_SCORE
    for number in range(config.num_hidden_layers):
        hidden = _layer(config, weights, f"encoder.layer.{number}", hidden, masked)
    both = _dense(weights, "qa_outputs", hidden)
    return {START_LOGITS: both[:, :, 0], END_LOGITS: both[:, :, 1]}


def _embed(config: ElectraConfig, weights: Tensors, ids: Any, token_types: Any) -> Any:
    # a slice of the table needs neither a Range nor a Gather
    positions = weights["embeddings.position_embeddings.weight"][: tf.shape(ids)[1]]
    types = tf.gather(weights["embeddings.token_type_embeddings.weight"], token_types)
    # in this order LayerNorm fuses with a sum of two tensors of one shape: in its strict mode
    # CUDA's SkipLayerNormalization refuses a sum with positions, which all rows share
    embedded = tf.gather(weights["embeddings.word_embeddings.weight"], ids) + (types + positions)
    embedded = _layer_norm(config, weights, "embeddings.LayerNorm", embedded)
    if config.has_projection:
        embedded = _dense(weights, "embeddings_project", embedded)
    return embedded


def _layer(config: ElectraConfig, weights: Tensors, name: str, hidden: Any, masked: Any) -> Any:
    context = _attention(config, weights, f"{name}.attention.self", hidden, masked)
    context = _dense(weights, f"{name}.attention.output.dense", context)
    context = tf.cast(context, hidden.dtype) + hidden
    hidden = _layer_norm(config, weights, f"{name}.attention.output.LayerNorm", context)
    inner = _gelu(_dense(weights, f"{name}.intermediate.dense", hidden))
    inner = tf.cast(_dense(weights, f"{name}.output.dense", inner), hidden.dtype) + hidden
    return _layer_norm(config, weights, f"{name}.output.LayerNorm", inner)


def _attention(config: ElectraConfig, weights: Tensors, name: str, hidden: Any, masked: Any) -> Any:
    shape = tf.shape(hidden)
    by_head = [shape[0], shape[1], config.num_attention_heads, config.head_size]
    query, key, value = (
        tf.transpose(tf.reshape(_dense(weights, f"{name}.{part}", hidden), by_head), [0, 2, 1, 3])
        for part in ("query", "key", "value")
    )
    scores = tf.cast(tf.matmul(query, key, transpose_b=True), masked.dtype)
    shares = tf.cast(tf.nn.softmax(scores / weights[SCALE] + masked), value.dtype)
    context = tf.transpose(tf.matmul(shares, value), [0, 2, 1, 3])
    return tf.reshape(context, [shape[0], shape[1], config.hidden_size])


def _dense(weights: Tensors, name: str, values: Any) -> Any:
    kernel = weights[f"{name}.weight"]
    return tf.matmul(tf.cast(values, kernel.dtype), kernel) + weights[f"{name}.bias"]


def _layer_norm(config: ElectraConfig, weights: Tensors, name: str, values: Any) -> Any:
    scale = weights[f"{name}.weight"]
    values = tf.cast(values, scale.dtype)
    centred = values - tf.reduce_mean(values, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.pow(centred, 2.0), axis=-1, keepdims=True)
    normal = centred / tf.sqrt(variance + config.layer_norm_eps)
    return normal * scale + weights[f"{name}.bias"]


def _gelu(values: Any) -> Any:
    return values * (tf.math.erf(values / math.sqrt(2.0)) + 1.0) * 0.5
