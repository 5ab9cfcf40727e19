"""Sends the rows of a question to Triton in parts: a request for each, a few at a time.

A text of many windows in one request would hold up every short question behind it, and take
memory for all of its rows at once. So it is sent in parts. The rows that it has with Triton take
no more than ``TURN_SECONDS`` to compute, or are a single one: a short question waits for these, not
for the whole text. The rows of a part have one length, as those of a request must.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedded.inference import Logits
from qa.tensors import PADDING_LOGIT, RequestShape
from qa.windows import Rows, Windows

TURN_SECONDS = 0.02  # of computing, for the rows that one question has with Triton
IN_FLIGHT = 2  # parts of a turn: while one is computed, the next one waits
SMOOTHING = 0.5  # weight of the last part in the estimate

Infer = Callable[[Rows], Awaitable[Logits]]
Ahead = Callable[[], int]


@dataclass
class Pace:
    """How many rows make a turn, by how long the last parts took."""

    rows: float = 1.0  # small at first, as too large a part would hold up others

    def learn(self, rows: int, seconds: float) -> None:
        """Note that ``rows``, those of a part and those ahead of it, took ``seconds``."""
        fitting = rows * TURN_SECONDS / max(seconds, 1e-6)
        self.rows += SMOOTHING * (fitting - self.rows)

    @property
    def parts(self) -> int:
        """How many parts may be with Triton: one, if a turn has too few rows for more."""
        return IN_FLIGHT if self.rows >= IN_FLIGHT else 1

    def most(self, shape: RequestShape) -> int:
        """Return how many rows the next part may have."""
        return max(1, min(int(self.rows / IN_FLIGHT), shape.max_rows))


async def infer_in_parts(
    windows: Windows,
    shape: RequestShape,
    pace: Pace,
    slots: asyncio.Semaphore,
    infer: Infer,
    ahead: Ahead = lambda: 0,
) -> Logits:
    """Return the logits of ``windows``, float32 ``[n, sequence]`` each; ``infer`` computes a part.

    A part first waits for one of the ``slots``; the pace does not count that wait. ``ahead``
    returns how many rows Triton has already. When a part fails, the others in flight are cancelled,
    no further one is sent, and its error is raised.
    """
    logits = Logits(
        *(np.full(windows.input_ids.shape, PADDING_LOGIT, dtype=np.float32) for _ in range(2))
    )

    async def send(numbers: NDArray[np.int64], length: int) -> None:
        async with slots:
            started, rows = time.monotonic(), ahead() + len(numbers)
            part = await infer(windows.rows(numbers, length))
            seconds = time.monotonic() - started
        if len(windows) > 1:  # a single row may be short, and take less time than others
            pace.learn(rows, seconds)
        logits.start[numbers, :length] = part.start
        logits.end[numbers, :length] = part.end

    if len(windows) == 1:
        await send(*next(_parts(windows, shape, pace)))
        return logits
    in_flight: set[asyncio.Future[None]] = set()
    try:
        for part in _parts(windows, shape, pace):
            in_flight.add(asyncio.ensure_future(send(*part)))
            while len(in_flight) >= pace.parts:
                in_flight = await _one_less(in_flight)
        await asyncio.gather(*in_flight)
    finally:
        for each in in_flight:
            each.cancel()
        await asyncio.gather(*in_flight, return_exceptions=True)
    return logits


async def _one_less(in_flight: set[asyncio.Future[None]]) -> set[asyncio.Future[None]]:
    """Wait until one or more have ended, and return the rest; raises what those raised."""
    done, left = await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
    for each in done:
        each.result()
    return left


def _parts(
    windows: Windows, shape: RequestShape, pace: Pace
) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Yield the numbers of each part's rows and their length, the longest rows first.

    A part is cut when it is asked for, at the pace of that moment.
    """
    lengths = np.array([shape.padded(int(each)) for each in windows.row_lengths])
    order = np.argsort(-lengths, kind="stable")
    while len(order):
        length = int(lengths[order[0]])
        part = order[: pace.most(shape)]
        part = part[lengths[part] == length]
        yield part, length
        order = order[len(part) :]
