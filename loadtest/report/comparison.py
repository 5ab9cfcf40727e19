"""The ratio of two measurements made in rounds, and how far noise alone could move it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, sqrt

import numpy as np
from numpy.typing import NDArray

SEED, DRAWS = 0, 1000
#: Samples that each round needs for a 99th percentile: of fewer, it is the maximum.
FEWEST_FOR_P99 = 100

_NORMAL = 1.96
# Student's t, 97.5 %, by degrees of freedom from 1; the last for all above, which errs to the wide
_T = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13)
_Logs = NDArray[np.float64]


@dataclass(frozen=True)
class Round:
    """What one round measured of one system under one condition."""

    latencies: Sequence[float]  # ms
    throughput: float


@dataclass(frozen=True)
class Ratio:
    """A figure of A and of B, and where their true ratio is with 95 % confidence."""

    a: float  # geometric mean over the rounds
    b: float
    interval: tuple[float, float] | None  # None for fewer than two rounds

    @property
    def value(self) -> float:
        """A over B."""
        return self.a / self.b

    @property
    def verdict(self) -> str:
        """What the interval says of A and B."""
        if self.interval is None:
            return "one round: cannot be told from noise"
        low, high = self.interval
        if low <= 1 <= high:
            return "inside the noise"
        return "A is lower" if high < 1 else "A is higher"


@dataclass(frozen=True)
class Comparison:
    """A beside B, under one condition."""

    p50: Ratio
    p99: Ratio | None  # None: too few samples for it
    throughput: Ratio


def compare(a: Sequence[Round], b: Sequence[Round], paired: bool) -> Comparison:
    """Return the ratios of A to B: geometric means over the rounds.

    ``paired`` is for interleaved rounds: A's n-th round is compared with B's n-th, so that whatever
    slowed the machine during both cancels out. Raises ValueError when a side has no round, or when
    ``paired`` rounds differ in number.

    The interval is the wider of two, on a log scale. One is from the differences between rounds:
    Student's t, with the degrees of freedom of the side that has fewer rounds. The other is from
    the samples within the rounds: a bootstrap, without which two rounds that agree by chance would
    look certain. (A single bootstrap of rounds and samples would count the noise of the samples
    twice, and its quantiles would never leave the range of the few rounds.) The throughput of a
    round has no samples, so its interval is from rounds alone.
    """
    if not (a and b) or (paired and len(a) != len(b)):
        raise ValueError(f"rounds of A and B that cannot be compared: {len(a)} and {len(b)}")

    def latency(share: float) -> Ratio:
        logs_a, logs_b = (
            np.array([_ordered(each)[_rank(each, share) - 1] for each in side]) for side in (a, b)
        )
        generator = np.random.default_rng(SEED)
        drawn = _redrawn(a, share, generator) - _redrawn(b, share, generator)
        return _ratio(logs_a, logs_b, paired, by_samples=_NORMAL * float(drawn.std()))

    enough = all(len(each.latencies) >= FEWEST_FOR_P99 for each in (*a, *b))
    rates_a, rates_b = (np.log([each.throughput for each in side]) for side in (a, b))
    return Comparison(
        p50=latency(0.5),
        p99=latency(0.99) if enough else None,
        throughput=_ratio(rates_a, rates_b, paired),
    )


def _ratio(a: _Logs, b: _Logs, paired: bool, by_samples: float = 0.0) -> Ratio:
    """Return the ratio of A to B from their logarithms by round, ``[rounds]``."""
    mean_a, mean_b, rounds = float(a.mean()), float(b.mean()), min(len(a), len(b))
    if rounds < 2:
        return Ratio(exp(mean_a), exp(mean_b), None)
    variance = np.var(a - b, ddof=1) / rounds if paired else _squared_error(a) + _squared_error(b)
    reach = max(_T[min(rounds - 1, len(_T)) - 1] * sqrt(variance), by_samples)
    value = mean_a - mean_b
    return Ratio(exp(mean_a), exp(mean_b), (exp(value - reach), exp(value + reach)))


def _squared_error(logs: _Logs) -> float:
    return float(np.var(logs, ddof=1)) / len(logs)


def _redrawn(rounds: Sequence[Round], share: float, generator: np.random.Generator) -> _Logs:
    """Return the mean log percentile of rounds whose samples are drawn again, for each draw.

    The k-th of n samples drawn with replacement is the sample at the k-th of n ordered uniform
    numbers. That number has a beta distribution, so there is no need to draw and sort all samples.
    """
    total = np.zeros(DRAWS)
    for each in rounds:
        ordered, rank = _ordered(each), _rank(each, share)
        places = generator.beta(rank, len(ordered) - rank + 1, size=DRAWS)
        total += ordered[np.minimum(places * len(ordered), len(ordered) - 1).astype(int)]
    return total / len(rounds)


def _ordered(each: Round) -> _Logs:
    return np.log(np.sort(np.asarray(each.latencies, dtype=np.float64)))


def _rank(each: Round, share: float) -> int:
    """Return the nearest rank, from 1, as ``samples.summarize`` takes it."""
    return max(1, ceil(share * len(each.latencies)))
