"""When latency has settled, so that a warm-up may end and a measurement begin."""

from collections.abc import Sequence
from statistics import median

BLOCK = 3
TOLERANCE = 0.05


def has_settled(latencies: Sequence[float], block: int = BLOCK) -> bool:
    """Whether the medians of the last two blocks of latencies differ by 5 % at most.

    Then caches are filled, threads started, memory pools grown and clocks raised, and only noise
    is left. Fewer than two blocks have not settled.
    """
    if len(latencies) < 2 * block:
        return False
    last, before = median(latencies[-block:]), median(latencies[-2 * block : -block])
    return abs(last - before) <= TOLERANCE * before
