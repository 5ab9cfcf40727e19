"""The operators of the fused and the packed graphs in numpy, for onnx's reference evaluator.

ONNX Runtime has packing mode for CUDA alone; with these, a packed graph is computed anywhere.
Those of the domain com.microsoft follow ONNX Runtime's specification, docs/ContribOperators.md of
https://github.com/microsoft/onnxruntime at v1.20.1; what our graphs do not use is refused.
Results are stored in the type of the graph, float16 or float32. The sums of a matrix product (as
in tensor cores), the softmax and LayerNorm are computed in float32.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx.reference.op_run import OpRun

from export.proof.reference import gelu, layer_norm, softmax

Values = NDArray[Any]  # float16 or float32
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


class MatMul(OpRun):
    """ONNX's own, faster: numpy has no BLAS for float16."""

    def _run(self, left: Values, right: Values) -> tuple[Values]:
        return ((_floats(left) @ _floats(right)).astype(left.dtype, copy=False),)


class LayerNormalization(OpRun):
    """ONNX's own, but it obeys ``stash_type``: float32 inside."""

    def _run(
        self,
        values: Values,
        scale: Values,
        bias: Values,
        *,
        axis: int,
        epsilon: float,
        stash_type: int,
    ) -> tuple[Values]:
        if (axis, stash_type) != (-1, 1):
            raise NotImplementedError(f"LayerNormalization: axis {axis}, stash_type {stash_type}")
        normal = layer_norm(_floats(values), _floats(scale), _floats(bias), epsilon)
        return (normal.astype(values.dtype, copy=False),)


class _Contrib(OpRun):
    op_domain = "com.microsoft"
    op_schema = None  # or onnx would take the schema of its own operator of the same name


class SkipLayerNormalization(_Contrib):
    """LayerNorm of ``values + skip + bias`` over the last axis."""

    def _run(
        self,
        values: Values,
        skip: Values,
        gamma: Values,
        beta: Values,
        bias: Values | None = None,
        *,
        epsilon: float = 1e-12,
    ) -> tuple[Values]:
        total = _floats(values) + _floats(skip)
        if bias is not None:
            total += _floats(bias)
        normal = layer_norm(total, _floats(gamma), _floats(beta), epsilon)
        return (normal.astype(values.dtype, copy=False),)


class BiasGelu(_Contrib):
    """``gelu(values + bias)``, by erf."""

    def _run(self, values: Values, bias: Values) -> tuple[Values]:
        result = gelu(_floats(values) + _floats(bias))
        return (result.astype(values.dtype, copy=False),)


class Attention(_Contrib):
    """Multi-head self-attention on ``[batch, sequence, hidden]``, heads side by side.

    ``mask_index`` int32 is the length of each right-padded row, ``[batch]``, or a mask with 1 at
    tokens, ``[batch, sequence]``; without it there is no padding. ``weights`` are
    ``[hidden, 3 * hidden]``: those of query, key and value.
    """

    def _run(
        self,
        values: Values,
        weights: Values,
        bias: Values,
        mask_index: Ints | None = None,
        *,
        num_heads: int,
        mask_filter_value: float = -10_000.0,
    ) -> tuple[Values]:
        real = _real(mask_index, values.shape[:2])
        masked = np.where(real, 0, mask_filter_value).astype(np.float32)
        projected = _dense(values, weights, bias)
        rows = zip(projected, masked, strict=True)
        return (np.stack([_attend(row, num_heads, scores) for row, scores in rows]),)


class PackedAttention(_Contrib):
    """Multi-head self-attention on packed rows, ``[tokens, hidden]``; no row sees another.

    Row ``i`` is from ``cumulative[i]`` to ``cumulative[i + 1]``, int32 ``[batch + 1]``; ``weights``
    are as in Attention.
    """

    def _run(
        self,
        values: Values,
        weights: Values,
        bias: Values,
        _token_offset: Ints,
        cumulative: Ints,
        attention_bias: Values | None = None,
        *,
        num_heads: int,
    ) -> tuple[Values]:
        if attention_bias is not None:
            raise NotImplementedError("PackedAttention: attention_bias")
        projected = _dense(values, weights, bias)
        attended = np.empty_like(values)
        for first, end in pairwise(cumulative):
            if first < end:
                attended[first:end] = _attend(projected[first:end], num_heads)
        return (attended,)


class RemovePadding(_Contrib):
    """Right-padded rows ``[batch, sequence, hidden]`` to packed tokens ``[tokens, hidden]``.

    ``counts``, int32 ``[batch]``, are the tokens of each row. Also returns, all int32:
    ``token_offset`` ``[batch, sequence]``, the positions in the padded batch of all tokens and
    then of all padding; the cumulative counts ``[batch + 1]``; the largest count ``[1]``.
    """

    def _run(self, values: Values, counts: Ints) -> tuple[Values, Ints, Ints, Ints]:
        real = _real(counts, values.shape[:2]).ravel()
        offset = np.concatenate([np.flatnonzero(real), np.flatnonzero(~real)]).astype(np.int32)
        cumulative = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        packed = values.reshape(-1, values.shape[2])[real]
        return packed, offset.reshape(values.shape[:2]), cumulative, counts.max(keepdims=True)


class RestorePadding(_Contrib):
    """Packed tokens ``[tokens, hidden]`` to ``[batch, sequence, hidden]``, with zeros at padding.

    ``token_offset`` is what RemovePadding returns.
    """

    def _run(self, packed: Values, token_offset: Ints) -> tuple[Values]:
        values = np.zeros((token_offset.size, packed.shape[1]), packed.dtype)
        values[token_offset.ravel()[: len(packed)]] = packed
        return (values.reshape(*token_offset.shape, -1),)


#: What ``onnx.reference.ReferenceEvaluator`` takes as ``new_ops``.
OPERATORS: Sequence[type[OpRun]] = (
    MatMul,
    LayerNormalization,
    SkipLayerNormalization,
    BiasGelu,
    Attention,
    PackedAttention,
    RemovePadding,
    RestorePadding,
)


def _floats(values: Values) -> Floats:
    return values.astype(np.float32, copy=False)


def _dense(values: Values, weights: Values, bias: Values) -> Values:
    product = _floats(values) @ _floats(weights) + _floats(bias)
    return product.astype(values.dtype, copy=False)


def _real(mask_index: Ints | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return where ``[batch, sequence]`` holds tokens; ``mask_index`` as Attention takes it."""
    if mask_index is None:
        return np.ones(shape, np.bool_)
    if mask_index.shape == shape:
        mask: NDArray[np.bool_] = mask_index == 1
        return mask
    if mask_index.shape == shape[:1]:
        within: NDArray[np.bool_] = np.arange(shape[1]) < mask_index[:, None]
        return within
    raise NotImplementedError(f"Attention: a mask of shape {mask_index.shape} for {shape}")


def _attend(projected: Values, num_heads: int, masked: Floats | None = None) -> Values:
    """Return the attention of one row's tokens to each other, ``[tokens, hidden]``.

    ``projected`` holds query, key and value side by side, ``[tokens, 3 * hidden]``; ``masked`` is
    added to the scores of each key, ``[tokens]``. As in the kernels that fuse the two products, the
    scores stay in float32; only the weights from the softmax are stored in the graph's type.
    """
    tokens, dtype = len(projected), projected.dtype
    by_head = _floats(projected).reshape(tokens, 3, num_heads, -1)
    query, key, value = by_head.transpose(1, 2, 0, 3)  # each [heads, tokens, head size]
    scores = query @ key.swapaxes(1, 2) / np.float32(math.sqrt(query.shape[2]))
    if masked is not None:
        scores += masked
    weights = _floats(softmax(scores).astype(dtype, copy=False))
    attended: Floats = (weights @ value).swapaxes(0, 1).reshape(tokens, -1)
    return attended.astype(dtype, copy=False)
