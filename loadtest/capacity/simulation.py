"""A simulation of Triton's queue: questions arrive at random, and those that wait are joined.

Arrivals are a Poisson process. A gateway sends each question to the Triton with the fewest windows
in flight. A Triton with one instance and no queue delay computes one batch at a time. Its next
batch is the requests that wait, whole and in order, up to the rows that a batch may have and to the
first request of another length: Triton joins only requests of one length.

The simulation leaves out refusals (``max_queue_seconds``), the network, and noise of the machine.
So above the rate that the devices can sustain, the simulated queue grows without end.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from loadtest.capacity.work import QuestionCost, Work
from qa.tensors import RequestShape

#: For our own backends on a CPU, which join windows of any length.
ONE_LENGTH = RequestShape(sequence_length=384, pad_to_multiple_of=384, max_rows=32)
#: For Triton's native backends, which compute the padding.
FEW_LENGTHS = RequestShape(sequence_length=384, pad_to_multiple_of=64, max_rows=32)
LOWEST_RATE = 0.01  # questions per second; a bisection stops below it
CLOSER = 0.02  # a bisection stops when its ends differ by this share or less


@dataclass(frozen=True)
class Simulated:
    """What became of the questions."""

    latencies: NDArray[np.float64]  # ms of each, in the order of arrival
    mean_batch: float  # windows
    busy: float  # share of the time in which a device computes

    def percentile(self, share: float) -> float:
        """Return the latency, ms, that ``share`` percent do not exceed."""
        return float(np.percentile(self.latencies, share, method="inverted_cdf"))


@dataclass(eq=False)
class Server:
    """One Triton."""

    work: Work
    shape: RequestShape
    free_at: float = 0.0
    waiting: deque[tuple[float, int, QuestionCost]] = field(default_factory=deque)
    running: int = 0  # windows
    queued: int = 0  # windows
    computed: float = 0.0  # seconds
    batches: int = 0
    windows: int = 0

    def in_flight(self, now: float) -> int:
        """Return the windows that wait or are being computed."""
        return self.queued + (self.running if self.free_at > now else 0)

    def add(self, now: float, number: int, question: QuestionCost) -> None:
        """Queue a question."""
        self.waiting.append((now, number, question))
        self.queued += question.windows

    def run_until(self, now: float, ends: NDArray[np.float64]) -> None:
        """Compute the batches that begin before ``now``, and note when their questions end."""
        while self.waiting and max(self.free_at, self.waiting[0][0]) < now:
            begin = max(self.free_at, self.waiting[0][0])
            batch = self._next_batch()
            rows, tokens = (
                sum(each.windows for _, each in batch),
                sum(each.tokens for _, each in batch),
            )
            numbers = [number for number, _ in batch]
            seconds = self.work.batch.seconds(tokens) + len(batch) * self.work.taken
            self.free_at = begin + seconds
            ends[numbers] = self.free_at
            self.running, self.queued = rows, self.queued - rows
            self.computed += seconds
            self.batches += 1
            self.windows += rows

    def _next_batch(self) -> list[tuple[int, QuestionCost]]:
        """Take the next batch from the queue: its questions, with their numbers."""
        batch: list[tuple[int, QuestionCost]] = []
        room = self.shape.max_rows
        length = self.shape.padded(self.waiting[0][2].longest)
        while self.waiting and not (
            batch
            and (
                self.waiting[0][2].windows > room
                or self.shape.padded(self.waiting[0][2].longest) != length
            )
        ):
            _, number, question = self.waiting.popleft()
            batch.append((number, question))
            room -= question.windows
        return batch


def simulate(
    questions: Sequence[QuestionCost],
    work: Work,
    rate: float,
    *,
    servers: int = 1,
    count: int = 20_000,
    shape: RequestShape = ONE_LENGTH,
    seed: int = 0,
) -> Simulated:
    """Simulate ``count`` arrivals at ``rate`` per second, drawn from ``questions``."""
    random = np.random.default_rng(seed)
    arrivals = np.cumsum(random.exponential(1 / rate, count))
    drawn = random.integers(len(questions), size=count)
    ends = np.zeros(count)
    all_ = [Server(work, shape) for _ in range(servers)]
    for number, now in enumerate(arrivals):
        for server in all_:
            server.run_until(now, ends)
        least = min(all_, key=lambda server: server.in_flight(now))
        least.add(float(now), number, questions[drawn[number]])
    for server in all_:
        server.run_until(np.inf, ends)
    return Simulated(
        latencies=(ends - arrivals + work.around) * 1000,
        mean_batch=sum(each.windows for each in all_) / sum(each.batches for each in all_),
        busy=sum(each.computed for each in all_) / (float(ends.max()) * servers),
    )


def highest_rate(
    questions: Sequence[QuestionCost], work: Work, p99_ms: float, shape: RequestShape = ONE_LENGTH
) -> float:
    """Return the highest rate of a device whose simulated p99 is at most ``p99_ms``; 0 for none."""

    def holds(rate: float) -> bool:
        return simulate(questions, work, rate, shape=shape).percentile(99) <= p99_ms

    low, high = 0.0, 1.0
    while holds(high):
        low, high = high, 2 * high
    while high - low > CLOSER * high and high > LOWEST_RATE:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
