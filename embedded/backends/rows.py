"""Rows of one batch: padding is dropped before the model computes, and put back afterwards.

More than half of a batch padded to 384 tokens is padding (SQuAD windows have 178 on average).
Rows are sorted by length and computed in sub-batches, each trimmed to its longest row: one after
another, or side by side where that is faster.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from embedded.backends.lanes import Inputs, Lanes, Logits, Model
from qa import tensors

#: Is called with the numbers of rows as soon as they are computed, and with the start and end
#: logits of the batch, float32 ``[rows, sequence]``. Several lanes may call it at once.
Done = Callable[[NDArray[np.int64], Logits, Logits], None]


class Computation(Protocol):
    """What computes a batch: a loaded model, how batches are cut for it, and its lanes."""

    def __call__(self, inputs: Inputs, *, done: Done | None = None) -> tuple[Logits, Logits]:
        """Return what ``compute_rows`` does."""


@dataclass(frozen=True)
class Cutting:
    """How a batch is cut into the sub-batches that suit a device."""

    # lengths are multiples of it, or the whole width, so that there are few shapes
    length_step: int = 1
    # of a sub-batch of several rows, padding included; 0: each row alone; None: no limit
    most_tokens: int | None = None
    # a row that would get more padding than so many tokens begins a sub-batch; None: any padding
    most_padding: int | None = None
    # a sub-batch of so many tokens ends where a shorter length begins; None: it goes on
    least_tokens: int | None = None

    def shared(self, tokens: int, lanes: int) -> "Cutting":
        """Return how to cut ``tokens`` so that each of ``lanes`` gets a part."""
        if self.most_tokens is None:
            return self
        return replace(self, most_tokens=min(self.most_tokens, -(-tokens // lanes)))


#: ONNX Runtime computes several rows at once no faster than one after another, and the activations
#: no longer fit into a CPU's caches: sub-batches of 2,048 tokens took 1.1 to 1.6 times as long
#: (docs/performance.md). Also, the logits of a row computed alone do not depend on other rows.
ON_CPU = Cutting(most_tokens=0)

#: A GPU takes as long for few tokens as for none, since it is launched kernel by kernel. By the
#: peaks of its datasheet, an H100 needs some 3,000 tokens of ELECTRA-base to be busy; not measured.
GPU_LEAST_TOKENS = 4096


def on_gpu(shape: tensors.RequestShape) -> Cutting:
    """Return how a batch is cut for a GPU: not at all, or where much padding would be computed.

    The lengths are those that clients pad to, which are few: libraries build kernels for each shape
    (on Hopper, cuDNN builds a graph for each batch size and length). A packed graph removes padding
    itself. Its clients pad to the sequence length, so that its batches stay whole.
    """
    return Cutting(length_step=shape.pad_to_multiple_of, least_tokens=GPU_LEAST_TOKENS)


class RowError(ValueError):
    """Rows that break the tensor contract; the message says how."""


def check_rows(inputs: Inputs, sequence_length: int) -> None:
    """Raise RowError unless the inputs are rows of the tensor contract.

    They must be int32 ``[rows, length]``, at most ``sequence_length`` long, padded on the right
    only, and not negative. The model would give wrong logits for others without an error: fused
    attention, for one, takes the number of ones in a mask for the length.
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
    inputs: Inputs,
    model: Model,
    cutting: Cutting = ON_CPU,
    lanes: Lanes | None = None,
    *,
    done: Done | None = None,
) -> tuple[Logits, Logits]:
    """Return start and end logits, float32 ``[rows, sequence]``, computing little padding.

    The batch is cut as ``cutting`` says. ``lanes`` compute sub-batches side by side where that is
    faster. ``done`` is called after each sub-batch.

    At padding the logits are ``tensors.PADDING_LOGIT``; a row that is all padding is not
    computed. ``inputs`` must pass ``check_rows``.
    """
    mask = inputs[tensors.ATTENTION_MASK]
    lengths = mask.sum(axis=1)
    start = np.full(mask.shape, tensors.PADDING_LOGIT, dtype=np.float32)
    end = start.copy()

    def compute(rows: NDArray[np.int64], model: Model) -> None:
        width = int(_stepped(lengths[rows], cutting).max())
        trimmed = {
            name: np.ascontiguousarray(inputs[name][rows, :width]) for name in tensors.INPUTS
        }
        real = trimmed[tensors.ATTENTION_MASK] == 1
        for whole, part in zip((start, end), model(trimmed), strict=True):
            whole[rows, :width] = np.where(real, part, np.float32(tensors.PADDING_LOGIT))
        if done:
            done(rows, start, end)

    if lanes:
        cutting = cutting.shared(int(_stepped(lengths, cutting).sum()), lanes.count)
    batches = list(sub_batches(lengths, cutting))
    shapes = [(len(rows), int(lengths[rows[0]])) for rows in batches]
    lone = lanes.lone(shapes) if lanes else len(batches)
    for rows in batches[:lone]:
        compute(rows, model)
    if lanes and batches[lone:]:
        lanes.run(compute, batches[lone:])
    return start, end


def sub_batches(lengths: NDArray[np.int64], cutting: Cutting) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of the rows of each sub-batch, the longest first; none without tokens."""
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    while len(order):
        size = _rows_of_next(_stepped(lengths[order], cutting), cutting)
        yield order[:size]
        order = order[size:]


def _stepped(lengths: NDArray[np.int64], cutting: Cutting) -> NDArray[np.int64]:
    return -(-lengths // cutting.length_step) * cutting.length_step


def _rows_of_next(widths: NDArray[np.int64], cutting: Cutting) -> int:
    """Return how many rows of ``widths``, which descend, the next sub-batch has."""
    widest = int(widths[0])
    size = len(widths)
    if cutting.least_tokens is not None:
        ends = np.flatnonzero(np.diff(widths)) + 1  # where a shorter length begins
        size = int(next((end for end in ends if end * widest >= cutting.least_tokens), size))
    if cutting.most_padding is not None:
        size = min(size, int(np.count_nonzero(widths >= widest - cutting.most_padding)))
    if cutting.most_tokens is not None:
        size = min(size, max(1, cutting.most_tokens // widest))
    return size
