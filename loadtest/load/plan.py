"""Which levels a run measures: a plan yields the next level, and is sent the row measured there."""

from collections.abc import Generator, Iterable
from statistics import fmean

from loadtest.load.rows import Level
from loadtest.result import LoadRow, Slo

Plan = Generator[Level, LoadRow, Slo | None]

SHARE = 0.99  # of the questions, which must get the right answer within the limit
CLOSER = 0.05  # bisection ends when the rates that hold and fail differ by this share or less
GROWTH = 1.05  # a closed loop is saturated when twice the users get no more than this times as much
MOST_USERS = 1024
TRIES = 2


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

    It bisects below the rate of the saturated closed loop. Noise must not decide: a rate is
    rejected only after it failed twice, and the rate that is found must hold twice more, or a rate
    5 % lower is tried. (On a simulated M/M/1 queue, with 20 s a try, the median result is 0.98 of
    the true rate, and 95 of 100 runs find 0.84 to 1.13 of it; without second tries, 0.73 to 1.08.)
    """
    offline = yield from _saturate()
    low, high = 0.0, offline
    while high - low > CLOSER * high and high > CLOSER * offline:
        middle = (low + high) / 2
        if (yield from _holds_once(middle, p99_ms)):
            low = middle
        else:
            high = middle
    while low > CLOSER * offline:
        within = yield from _confirm(low, p99_ms)
        if within is not None:
            return Slo(p99_ms, low, within, offline)
        low *= 1 - CLOSER
    return Slo(p99_ms, rate=0.0, goodput=0.0, offline_rate=offline)


def holds(row: LoadRow, p99_ms: float) -> bool:
    """Whether 99 % of all questions got the right answer within ``p99_ms``.

    A failed question counts as not answered in time: a server that refuses half is not fast.
    """
    asked = len(row.latencies) + row.wrong + sum(row.failures.values())
    return asked > 0 and _within(row, p99_ms) >= SHARE * asked


def _goodput(row: LoadRow, p99_ms: float) -> float:
    return _within(row, p99_ms) / row.seconds


def _within(row: LoadRow, p99_ms: float) -> int:
    return sum(each <= p99_ms for each in row.latencies)


def _saturate() -> Generator[Level, LoadRow, float]:
    """Double the users until throughput has not grown twice in a row; return the highest.

    Once is not enough: a server that gives a lone question all cores does no more for two users.
    """
    users, best, flat = 1, 0.0, 0
    while users <= MOST_USERS and flat < TRIES:
        row = yield Level("closed", users)
        flat = flat + 1 if row.throughput <= GROWTH * best else 0
        best = max(best, row.throughput)
        users *= 2
    return best


def _holds_once(rate: float, p99_ms: float) -> Generator[Level, LoadRow, bool]:
    """Whether a rate holds at one of two tries."""
    for _ in range(TRIES):
        row = yield Level("open", rate)
        if holds(row, p99_ms):
            return True
    return False


def _confirm(rate: float, p99_ms: float) -> Generator[Level, LoadRow, float | None]:
    """Return the mean goodput of a rate that holds at every try, or None."""
    rows = []
    for _ in range(TRIES):
        rows.append((yield Level("open", rate)))
        if not holds(rows[-1], p99_ms):
            return None
    return fmean(_goodput(each, p99_ms) for each in rows)
