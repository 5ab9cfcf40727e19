"""The rows of a question in parts: a request to Triton each, a few at a time.

A text of many windows in one request would hold up every short question behind it, and take
memory for all of its rows at once. So it goes in parts, and a part has only as many rows as take
``PART_SECONDS``: a short question waits for a part or two, not for the whole text. The rows of a
part have one length, as Triton wants it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.tensors import PADDING_LOGIT, RequestShape
from qa.windows import Rows, Windows
from serving.triton import Logits

IN_FLIGHT = 2  # parts of one question: while one is computed, the next one waits its turn
PART_SECONDS = 0.02  # from a part's request to its reply
SMOOTHING = 0.5  # weight of the last part in the estimate

Infer = Callable[[Rows], Awaitable[Logits]]


@dataclass
class Pace:
    """How many rows a part may have, by how long the last parts took."""

    rows: float = 1.0  # small at first, as too large a part would hold up others

    def learn(self, rows: int, seconds: float) -> None:
        """Take into account that a part of ``rows`` took ``seconds``."""
        fitting = rows * PART_SECONDS / max(seconds, 1e-6)
        self.rows += SMOOTHING * (fitting - self.rows)

    def most(self, shape: RequestShape) -> int:
        """Return how many rows the next part may have."""
        return max(1, min(int(self.rows), shape.max_rows))


async def infer_in_parts(
    windows: Windows, shape: RequestShape, pace: Pace, slots: asyncio.Semaphore, infer: Infer
) -> Logits:
    """Return the logits of ``windows``, float32 ``[n, sequence]`` each; ``infer`` computes a part.

    A part waits for one of the ``slots``, which does not count as its own time. When a part
    fails, those in flight are cancelled, no further one is sent, and its error is raised.
    """
    logits = Logits(
        *(np.full(windows.input_ids.shape, PADDING_LOGIT, dtype=np.float32) for _ in range(2))
    )
    parts = _parts(windows, shape, pace)

    async def send() -> None:
        for numbers, length in parts:
            async with slots:
                started = time.monotonic()
                part = await infer(windows.rows(numbers, length))
            pace.learn(len(numbers), time.monotonic() - started)
            logits.start[numbers, :length] = part.start
            logits.end[numbers, :length] = part.end

    if len(windows) == 1:
        await send()
        return logits
    senders = [asyncio.ensure_future(send()) for _ in range(IN_FLIGHT)]
    try:
        await asyncio.gather(*senders)
    finally:
        for each in senders:
            each.cancel()
    return logits


def _parts(
    windows: Windows, shape: RequestShape, pace: Pace
) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Yield the numbers of each part's rows and the length of these, the longest rows first.

    A part is cut when it is asked for, by the pace of that moment.
    """
    lengths = np.array([shape.padded(int(each)) for each in windows.row_lengths])
    order = np.argsort(-lengths, kind="stable")
    while len(order):
        length = int(lengths[order[0]])
        part = order[: pace.most(shape)]
        part = part[lengths[part] == length]
        yield part, length
        order = order[len(part) :]
