"""Rows of one batch: padding dropped before the model computes, each row back in its place.

More than half of a batch padded to 384 tokens is padding (SQuAD windows have 178 on average).
Rows are sorted by length and computed in sub-batches, each trimmed to its longest row.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from qa import tensors

#: Inputs of the contract, int32 [rows, length], to start and end logits, float32 likewise.
Model = Callable[[Mapping[str, NDArray[np.int32]]], tuple[NDArray[np.float32], NDArray[np.float32]]]

SUB_BATCH_TOKENS = 2048  # from here on a CPU computes no faster, and only its caches fill up


class RowError(ValueError):
    """Rows that break the tensor contract; the message says how."""


def check_rows(inputs: Mapping[str, NDArray[np.int32]], sequence_length: int) -> None:
    """Raise RowError unless the inputs are rows of the tensor contract.

    They are int32 ``[rows, length]``, at most ``sequence_length`` long and padded on the right,
    and hold no number that the model has no meaning for: it would give wrong logits without any
    error, as it would for a hole in the mask, which fused attention takes for a length.
    """
    mask = inputs[tensors.ATTENTION_MASK]
    for name in tensors.INPUTS:
        array = inputs[name]
        if array.ndim != 2 or array.shape != mask.shape or array.dtype != np.int32:
            raise RowError(f"{name} is {array.dtype} {list(array.shape)}, not int32 [rows, length]")
    if mask.shape[1] > sequence_length:
        raise RowError(f"rows have {mask.shape[1]} tokens; at most {sequence_length} are allowed")
    lengths = mask.sum(axis=1)
    if not np.array_equal(mask, np.arange(mask.shape[1]) < lengths[:, None]):
        raise RowError("attention_mask must be ones, then zeros: padding is on the right only")
    for name in (tensors.INPUT_IDS, tensors.TOKEN_TYPE_IDS):
        if (lowest := inputs[name].min(initial=0)) < 0:
            raise RowError(f"{name} holds {lowest}, which is negative")


def compute_rows(
    inputs: Mapping[str, NDArray[np.int32]], model: Model, length_step: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return start and end logits, float32 ``[rows, sequence]``, computing no padding.

    With a ``length_step`` it computes a little: the model gets lengths that are multiples of
    it, or the whole width of the rows, and so meets fewer shapes.

    At padding the logits are ``tensors.PADDING_LOGIT``; a row that is all padding is not
    computed. ``inputs`` are as ``check_rows`` wants them.
    """
    mask = inputs[tensors.ATTENTION_MASK]
    lengths = mask.sum(axis=1)
    start = np.full(mask.shape, tensors.PADDING_LOGIT, dtype=np.float32)
    end = start.copy()
    for rows in sub_batches(lengths):
        longest = -(-int(lengths[rows].max()) // length_step) * length_step
        trimmed = {
            name: np.ascontiguousarray(inputs[name][rows, :longest]) for name in tensors.INPUTS
        }
        real = trimmed[tensors.ATTENTION_MASK] == 1
        for whole, part in zip((start, end), model(trimmed), strict=True):
            whole[rows, :longest] = np.where(real, part, np.float32(tensors.PADDING_LOGIT))
    return start, end


def sub_batches(lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield groups of row numbers of like length, each of about ``SUB_BATCH_TOKENS`` at most."""
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    while len(order):
        size = max(1, SUB_BATCH_TOKENS // int(lengths[order[0]]))
        yield order[:size]
        order = order[size:]
