"""ELECTRA's forward pass in plain numpy: slow, obvious, the FP32 reference of every variant.

It shares nothing with the TensorFlow graph: Hugging Face's kernels as they are on disk, one
window at a time, no padding and so no mask.
"""

import math

import numpy as np
from numpy.typing import NDArray

from export.checkpoint.config import ElectraConfig
from export.checkpoint.weights import Weights

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


def reference_logits(
    config: ElectraConfig, weights: Weights, input_ids: Ints, token_type_ids: Ints
) -> tuple[Floats, Floats]:
    """Return start and end logits, float32 ``[sequence]``, of one window without padding.

    ``input_ids`` and ``token_type_ids`` are int32 ``[sequence]``; ``weights`` are those that
    ``export.checkpoint.weights.read_weights`` returns.
    """
    hidden = (
        weights["embeddings.word_embeddings.weight"][input_ids]
        + weights["embeddings.token_type_embeddings.weight"][token_type_ids]
        + weights["embeddings.position_embeddings.weight"][: len(input_ids)]
    )
    hidden = _layer_norm(config, weights, "embeddings.LayerNorm", hidden)
    if config.has_projection:
        hidden = _dense(weights, "embeddings_project", hidden)
    for number in range(config.num_hidden_layers):
        layer = f"encoder.layer.{number}"
        attended = _attention(config, weights, f"{layer}.attention.self", hidden)
        attended = _dense(weights, f"{layer}.attention.output.dense", attended)
        norm = f"{layer}.attention.output.LayerNorm"
        hidden = _layer_norm(config, weights, norm, hidden + attended)
        inner = gelu(_dense(weights, f"{layer}.intermediate.dense", hidden))
        inner = _dense(weights, f"{layer}.output.dense", inner)
        hidden = _layer_norm(config, weights, f"{layer}.output.LayerNorm", hidden + inner)
    start, end = _dense(weights, "qa_outputs", hidden).T
    return start, end


def _attention(config: ElectraConfig, weights: Weights, name: str, hidden: Floats) -> Floats:
    query = _dense(weights, f"{name}.query", hidden)
    key = _dense(weights, f"{name}.key", hidden)
    value = _dense(weights, f"{name}.value", hidden)
    attended = np.empty_like(hidden)
    for number in range(config.num_attention_heads):
        head = slice(number * config.head_size, (number + 1) * config.head_size)
        scores = query[:, head] @ key[:, head].T / np.float32(math.sqrt(config.head_size))
        attended[:, head] = softmax(scores) @ value[:, head]
    return attended


def _dense(weights: Weights, name: str, values: Floats) -> Floats:
    result: Floats = values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return result


def _layer_norm(config: ElectraConfig, weights: Weights, name: str, values: Floats) -> Floats:
    scale, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return layer_norm(values, scale, bias, config.layer_norm_eps)


def layer_norm(values: Floats, scale: Floats, bias: Floats, epsilon: float) -> Floats:
    """Return LayerNorm over the last axis."""
    centred = values - values.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    normal = centred / np.sqrt(variance + np.float32(epsilon))
    result: Floats = normal * scale + bias
    return result


def softmax(scores: Floats) -> Floats:
    """Return the softmax over the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return result


def gelu(values: Floats) -> Floats:
    """Return GELU by the error function, not its approximation by tanh."""
    result: Floats = values * np.float32(0.5) * (1 + _erf(values / np.float32(math.sqrt(2))))
    return result


def _erf(values: Floats) -> Floats:
    """Return the error function to 1.5e-7 (Abramowitz and Stegun, 7.1.26); numpy has none."""
    size = np.abs(values)
    t = 1 / (1 + np.float32(0.3275911) * size)
    polynomial = np.zeros_like(t)
    for coefficient in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        polynomial = (polynomial + np.float32(coefficient)) * t
    return np.copysign(1 - polynomial * np.exp(-size * size), values)
