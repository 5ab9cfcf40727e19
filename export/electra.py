"""ELECTRA for question answering in plain TensorFlow: the one definition of the graph.

Computes what Hugging Face's ``ElectraForQuestionAnswering`` does (Clark et al. 2020), written
in those operations that ONNX Runtime's BERT fusions recognise: ``matmul + bias`` on
``[batch, sequence, hidden]``, LayerNorm by ``pow`` and ``sqrt``, GELU by ``erf``.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.checkpoint import Checkpoint
from export.config import ElectraConfig
from export.quiet import tf
from qa.tensors import ATTENTION_MASK, END_LOGITS, INPUT_IDS, START_LOGITS, TOKEN_TYPE_IDS

# added to the scores of padding before the softmax; float16 holds it too
MASKED_SCORE = -10_000.0
SCALE = "attention.scale"

Tensors = Mapping[str, Any]


def graph_weights(checkpoint: Checkpoint) -> dict[str, NDArray[np.float32]]:
    """Return the weights as the graph takes them: dense kernels ``[in, out]``, and the scale.

    The scale of the attention scores, sqrt(head size), is a weight like the others because
    TensorFlow turns the division by a constant into a multiplication, which ONNX Runtime's
    attention fusion does not recognise.
    """
    weights = {
        name: np.ascontiguousarray(values.T) if _is_kernel(name, values) else values
        for name, values in checkpoint.weights.items()
    }
    return weights | {SCALE: np.asarray(math.sqrt(checkpoint.config.head_size), np.float32)}


def _is_kernel(name: str, values: NDArray[np.float32]) -> bool:
    return values.ndim == 2 and not name.startswith("embeddings.")


def logits(config: ElectraConfig, weights: Tensors, inputs: Tensors) -> dict[str, Any]:
    """Return start and end logits, float32 ``[batch, sequence]``, by their name in ``qa.tensors``.

    ``weights`` are tensors as of ``graph_weights``; ``inputs`` int32 ``[batch, sequence]`` by
    their name. Padding must be on the right: fused attention takes the mask for a length.
    """
    hidden = _embed(config, weights, inputs[INPUT_IDS], inputs[TOKEN_TYPE_IDS])
    mask = tf.expand_dims(tf.expand_dims(inputs[ATTENTION_MASK], 1), 2)
    masked = (1.0 - tf.cast(mask, tf.float32)) * MASKED_SCORE
    for number in range(config.num_hidden_layers):
        hidden = _layer(config, weights, f"encoder.layer.{number}", hidden, masked)
    both = _dense(weights, "qa_outputs", hidden)
    return {START_LOGITS: both[:, :, 0], END_LOGITS: both[:, :, 1]}


def _embed(config: ElectraConfig, weights: Tensors, ids: Any, token_types: Any) -> Any:
    positions = tf.range(tf.shape(ids)[1])
    embedded = (
        tf.gather(weights["embeddings.word_embeddings.weight"], ids)
        + tf.gather(weights["embeddings.token_type_embeddings.weight"], token_types)
        + tf.gather(weights["embeddings.position_embeddings.weight"], positions)
    )
    embedded = _layer_norm(config, weights, "embeddings.LayerNorm", embedded)
    if config.has_projection:
        embedded = _dense(weights, "embeddings_project", embedded)
    return embedded


def _layer(config: ElectraConfig, weights: Tensors, name: str, hidden: Any, masked: Any) -> Any:
    context = _attention(config, weights, f"{name}.attention.self", hidden, masked)
    context = _dense(weights, f"{name}.attention.output.dense", context)
    hidden = _layer_norm(config, weights, f"{name}.attention.output.LayerNorm", context + hidden)
    inner = _gelu(_dense(weights, f"{name}.intermediate.dense", hidden))
    inner = _dense(weights, f"{name}.output.dense", inner)
    return _layer_norm(config, weights, f"{name}.output.LayerNorm", inner + hidden)


def _attention(config: ElectraConfig, weights: Tensors, name: str, hidden: Any, masked: Any) -> Any:
    shape = tf.shape(hidden)
    by_head = [shape[0], shape[1], config.num_attention_heads, config.head_size]
    query, key, value = (
        tf.transpose(tf.reshape(_dense(weights, f"{name}.{part}", hidden), by_head), [0, 2, 1, 3])
        for part in ("query", "key", "value")
    )
    scores = tf.matmul(query, key, transpose_b=True) / weights[SCALE] + masked
    context = tf.transpose(tf.matmul(tf.nn.softmax(scores), value), [0, 2, 1, 3])
    return tf.reshape(context, [shape[0], shape[1], config.hidden_size])


def _dense(weights: Tensors, name: str, values: Any) -> Any:
    return tf.matmul(values, weights[f"{name}.weight"]) + weights[f"{name}.bias"]


def _layer_norm(config: ElectraConfig, weights: Tensors, name: str, values: Any) -> Any:
    centred = values - tf.reduce_mean(values, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.pow(centred, 2.0), axis=-1, keepdims=True)
    normal = centred / tf.sqrt(variance + config.layer_norm_eps)
    return normal * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _gelu(values: Any) -> Any:
    return values * (tf.math.erf(values / math.sqrt(2.0)) + 1.0) * 0.5
