"""One round of a row: batches through Triton in a closed loop, with a Locust user per client."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import gevent
from locust import User, task
from locust.env import Environment
from locust.exception import StopUser

from embedded.inference import make_request
from loadtest.batches.inputs import Rows
from loadtest.batches.rounds import Round
from loadtest.batches.triton import Statistics, Triton, split_between
from loadtest.errors import LoadTestError
from loadtest.stop import stoppable
from loadtest.warm_up import has_settled

STATISTICS_SECONDS = 0.1  # Triton counts a request only after it has sent the reply


@dataclass(frozen=True)
class Budget:
    """When the warm-up and the measurement of a round end."""

    batches: int  # to measure, unless the time ends first
    seconds: float  # after which no batch begins; at least one is measured
    warmup_seconds: float  # after which the warm-up ends even if latency has not settled


def measure(
    url: str,
    model: str,
    rows: Rows,
    batch: int,
    clients: int,
    budget: Budget,
    advance: Callable[[float], None],
) -> Round:
    """Send batches of ``rows`` to ``model`` and time them, ``clients`` at a time.

    The time of a batch is that of the call, as a client sees it: it includes serialising the
    request, the network both ways, and reading the logits into arrays. ``advance`` is called
    between batches with the share of the round that is done. A fault or Ctrl-C ends the round,
    which keeps what was measured and the reason.
    """
    batches = list(rows.batches(batch))
    requests = [make_request(model, each) for each in batches]
    lengths = [each.lengths for each in batches]

    def is_warm(phase: _Phase) -> bool:
        """Whether the time per token has settled: batches of SQuAD differ in length."""
        return bool(phase.samples) and (
            has_settled(_times(phase, lengths)) or phase.spent >= budget.warmup_seconds
        )

    def is_measured(phase: _Phase) -> bool:
        by_count, by_time = phase.sent / budget.batches, phase.spent / budget.seconds
        advance(min(1.0, max(by_count, by_time)))
        return phase.sent > 0 and (by_count >= 1 or by_time >= 1)

    warmup, measured = _Phase(requests, is_warm), _Phase(requests, is_measured)
    split = None
    with closing(Triton(url)) as triton, stoppable() as stop:
        _run(url, clients, warmup)
        before = _statistics(triton, model)
        _run(url, clients, measured)
        split = split_between(before, _statistics(triton, model))
    return Round(
        latencies=tuple(ms for ms, _ in measured.samples),
        seconds=measured.last - measured.first,
        warmup_batches=len(warmup.samples),
        settled=has_settled(_times(warmup, lengths)),
        lengths=tuple(chain.from_iterable(lengths[number] for _, number in measured.samples)),
        split=split,
        fault=stop.reason,
    )


def _statistics(triton: Triton, model: str) -> Statistics:
    gevent.sleep(STATISTICS_SECONDS)
    return triton.statistics(model)


def _times(phase: "_Phase", lengths: Sequence[Sequence[int]]) -> list[float]:
    """Return the ms per real token of each batch."""
    return [ms / sum(lengths[number]) for ms, number in phase.samples]


class _Phase:
    """Batches that the clients send until ``is_over`` returns true, and their times."""

    def __init__(self, requests: Sequence[Any], is_over: Callable[["_Phase"], bool]) -> None:
        self._requests = requests
        self._is_over = is_over
        self.sent = 0
        self.samples: list[tuple[float, int]] = []  # ms, and the number of the request
        self.first = self.last = 0.0  # start of the first batch, end of the last
        self.fault: LoadTestError | None = None

    @property
    def spent(self) -> float:
        """The seconds since its first batch was sent."""
        return time.perf_counter() - self.first if self.sent else 0.0

    def connect(self, triton: Triton) -> None:
        """Open the connection, so that the first batch does not wait for it."""
        try:
            triton.version()
        except LoadTestError as error:
            self.fault = error

    def send(self, triton: Triton) -> bool:
        """Send the next batch, unless the phase is over; return whether it was sent."""
        if self.fault or self._is_over(self):
            return False
        number = self.sent % len(self._requests)
        self.sent += 1
        started = time.perf_counter()
        if self.sent == 1:
            self.first = started
        try:
            triton.infer(self._requests[number])
        except LoadTestError as error:
            self.fault = error
            return False
        ended = time.perf_counter()
        self.samples.append((1000 * (ended - started), number))
        self.last = ended
        return True


def _run(url: str, clients: int, phase: _Phase) -> None:
    """Send the batches of ``phase`` with ``clients`` Locust users; raises its fault."""

    class Client(User):
        """A client with its own connection, which sends a batch as soon as the last is answered."""

        def on_start(self) -> None:
            self.triton = Triton(url)
            phase.connect(self.triton)

        @task
        def send(self) -> None:
            if not phase.send(self.triton):
                raise StopUser

        def on_stop(self) -> None:
            self.triton.close()

    environment = Environment(user_classes=[Client], catch_exceptions=False)
    runner = environment.create_local_runner()
    try:
        runner.start(clients, spawn_rate=clients)
        cast(Any, runner.spawning_greenlet).join()
        runner.user_greenlets.join()
    finally:
        runner.quit()
    if phase.fault:
        raise phase.fault
