"""Plans against simulated servers, whose capacity is known by formula."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from loadtest.load.plan import Plan, closed, holds, open_, slo
from loadtest.load.rows import Level
from loadtest.result import LoadRow, Slo

CAPACITY = 100.0  # questions/s
P99_MS = 130.0
SECONDS = 20.0
SETTLING = 10.0
#: What a queue with one server, Poisson arrivals and exponential service (M/M/1) holds: latency is
#: exponential with the rate capacity - arrivals.
HIGHEST = CAPACITY - math.log(100) / (P99_MS / 1e3)


def row(level: Level, latencies: NDArray[np.float64], failures: int = 0) -> LoadRow:
    return LoadRow(
        system="simulated",
        route="/answer",
        loop=level.loop,
        level=level.amount,
        round=0,
        seconds=SECONDS,
        settled=True,
        latencies=tuple(latencies),
        context_characters=(),
        failures={"429": failures} if failures else {},
        wrong=0,
        stages={},
        send_delay=0.0,
    )


def queue(level: Level) -> LoadRow:
    """The exact distribution, without noise."""
    if level.loop == "closed":
        served = CAPACITY * level.amount / (level.amount + 1)
        return row(level, np.full(round(served * SECONDS), 10.0))
    count = round(level.amount * SECONDS)
    shares = (np.arange(count) + 0.5) / count
    return row(level, -1e3 * np.log(1 - shares) / (CAPACITY - level.amount))


def noisy(seed: int) -> Callable[[Level], LoadRow]:
    """A simulated run of that queue, customer by customer (Lindley's recursion), once settled."""
    random = np.random.default_rng(seed)

    def measure(level: Level) -> LoadRow:
        if level.loop == "closed":
            return queue(level)
        count = random.poisson(level.amount * (SETTLING + SECONDS))
        between = random.exponential(1 / level.amount, count)
        service = random.exponential(1 / CAPACITY, count)
        waited, latencies = 0.0, np.empty(count)
        for each in range(count):
            latencies[each] = waited + service[each]
            waited = max(0.0, latencies[each] - between[each])
        return row(level, 1e3 * latencies[np.cumsum(between) > SETTLING])

    return measure


def carry_out(plan: Plan, measure: Callable[[Level], LoadRow]) -> tuple[Slo | None, list[Level]]:
    levels = [next(plan)]
    while True:
        try:
            levels.append(plan.send(measure(levels[-1])))
        except StopIteration as end:
            return end.value, levels


def test_steps() -> None:
    assert carry_out(closed([1, 4]), queue) == (None, [("closed", 1), ("closed", 4)])
    assert carry_out(open_([2.5]), queue) == (None, [("open", 2.5)])


def test_the_rate_is_that_of_the_queue() -> None:
    found, levels = carry_out(slo(P99_MS), queue)
    assert found is not None
    assert 0.93 * HIGHEST <= found.rate <= HIGHEST
    assert found.offline_rate == pytest.approx(CAPACITY, rel=0.1)
    assert found.goodput == pytest.approx(0.99 * found.rate, rel=0.011)
    assert levels[-1] == ("open", found.rate)
    assert levels.count(levels[-1]) >= 3  # once found, twice confirmed
    assert len(levels) < 20


def test_two_users_may_get_no_more_than_one() -> None:
    """Where a lone question has all cores, throughput grows again once there are more of them."""
    throughput = {1: 27.0, 2: 27.0, 4: 31.0, 8: 33.0, 16: 33.0, 32: 33.0}

    def measure(level: Level) -> LoadRow:
        if level.loop == "open":
            return row(level, np.full(10, 5.0))
        return row(level, np.full(round(throughput[int(level.amount)] * SECONDS), 10.0))

    found, _ = carry_out(slo(P99_MS), measure)
    assert found is not None
    assert found.offline_rate == pytest.approx(33)


@pytest.mark.parametrize("seed", range(5))
def test_the_rate_is_near_that_of_the_queue_in_spite_of_noise(seed: int) -> None:
    found, _ = carry_out(slo(P99_MS), noisy(seed))
    assert found is not None
    assert 0.8 * HIGHEST <= found.rate <= 1.2 * HIGHEST


def test_a_rate_that_fails_once_is_tried_again() -> None:
    failed: list[Level] = []

    def measure(level: Level) -> LoadRow:
        if level.loop == "open" and level not in failed:
            failed.append(level)
            return row(level, np.full(10, 2 * P99_MS))
        return queue(level)

    found, _ = carry_out(slo(P99_MS), measure)
    assert found is not None
    assert 0.93 * HIGHEST <= found.rate <= HIGHEST


def test_a_rate_that_is_not_confirmed_gives_way_to_a_lower_one() -> None:
    """Here no rate of the bisection holds more than twice."""
    held: list[Level] = []

    def measure(level: Level) -> LoadRow:
        if held.count(level) == 2:
            return row(level, np.full(10, 2 * P99_MS))
        if level.loop == "open":
            held.append(level)
        return queue(level)

    found, levels = carry_out(slo(P99_MS), measure)
    assert found is not None
    assert found.rate == pytest.approx(0.95 * levels[-3].amount)


def test_no_rate_may_hold() -> None:
    found, levels = carry_out(slo(1.0), lambda level: row(level, np.full(10, 5.0)))
    assert len(levels) < 20
    assert found == Slo(1.0, rate=0.0, goodput=0.0, offline_rate=0.5)


def test_failures_count_against_the_rate() -> None:
    """A server that refuses what it has no room for is fast, and yet does not hold."""
    level = Level("open", 10)
    fast = np.full(98, 1.0)
    assert holds(row(level, np.full(99, 1.0), failures=1), P99_MS)
    assert not holds(row(level, fast, failures=2), P99_MS)
    assert not holds(row(level, np.empty(0), failures=1), P99_MS)
