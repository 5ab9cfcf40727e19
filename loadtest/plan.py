"""Which levels a run measures; a plan yields the next and is sent the row of what was measured."""

from collections.abc import Generator, Iterable

from loadtest.result import LoadRow, Slo
from loadtest.rows import Level

Plan = Generator[Level, LoadRow, Slo | None]

SHARE = 0.99  # of the questions that must be answered, rightly, within the limit
CLOSER = 0.05  # bisection ends when what holds and what does not differ by no more than this share
GROWTH = 1.05  # a closed loop is saturated when twice the users get no more than this much more
MOST_USERS = 1024


def closed(users: Iterable[float]) -> Plan:
    """Measure each number of users."""
    for each in users:
        yield Level("closed", each)
    return None


def open_(rates: Iterable[float]) -> Plan:
    """Measure each rate, in arrivals per second."""
    for each in rates:
        yield Level("open", each)
    return None


def slo(p99_ms: float) -> Plan:
    """Find the highest rate whose 99th percentile is at most ``p99_ms``.

    By bisection below the rate of the saturated closed loop. Noise must not decide: a rate is out
    when it has failed twice, and the one that is found must hold once more, or give way to one
    5 % lower.
    """
    offline = yield from _saturate()
    holding: LoadRow | None = None
    low, high = 0.0, offline
    while high - low > CLOSER * high:
        middle = (low + high) / 2
        row = yield from _try(middle, p99_ms)
        if row is None:
            high = middle
        else:
            low, holding = middle, row
    while holding is not None:
        confirmed = yield Level("open", low)
        if holds(confirmed, p99_ms):
            return Slo(p99_ms, low, goodput(confirmed, p99_ms), offline)
        low *= 1 - CLOSER
        holding = holding if low > CLOSER * offline else None
    return Slo(p99_ms, rate=0.0, goodput=0.0, offline_rate=offline)


def holds(row: LoadRow, p99_ms: float) -> bool:
    """Whether 99 % of all that were asked were answered, and rightly, within ``p99_ms``.

    A question that failed was not answered in time: whoever refuses half of them is not fast.
    """
    asked = len(row.latencies) + row.wrong + sum(row.failures.values())
    return asked > 0 and _within(row, p99_ms) >= SHARE * asked


def goodput(row: LoadRow, p99_ms: float) -> float:
    """Return the right answers within ``p99_ms``, per second."""
    return _within(row, p99_ms) / row.seconds


def _within(row: LoadRow, p99_ms: float) -> int:
    return sum(each <= p99_ms for each in row.latencies)


def _saturate() -> Generator[Level, LoadRow, float]:
    """Double the users until throughput grows no more; return the highest."""
    users, best = 1, 0.0
    while users <= MOST_USERS:
        row = yield Level("closed", users)
        if row.throughput <= GROWTH * best:
            break
        best = row.throughput
        users *= 2
    return max(best, row.throughput)


def _try(rate: float, p99_ms: float) -> Generator[Level, LoadRow, LoadRow | None]:
    """Return the row of a rate that holds, at the second try if not at the first, or None."""
    for _ in range(2):
        row = yield Level("open", rate)
        if holds(row, p99_ms):
            return row
    return None
