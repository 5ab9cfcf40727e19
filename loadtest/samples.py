"""The mean and the percentiles of latencies in ms, from every sample.

Locust's own statistics are of no use here: they round samples to 1, 10 or 100 ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NVIDIA_DROPPED = 2


@dataclass(frozen=True)
class Latency:
    """The distribution of a run's latencies, in ms."""

    count: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float


def summarize(samples: Sequence[float]) -> Latency:
    """Return the mean and the true percentiles of ``samples`` (ms).

    A percentile is the smallest sample that at least that share of all samples does not exceed
    (nearest rank): it was really measured, and is not interpolated. Raises ValueError when there
    is no sample.
    """
    if not len(samples):
        raise ValueError("there is no sample to summarize")
    p50, p90, p95, p99 = np.percentile(samples, [50, 90, 95, 99], method="inverted_cdf")
    return Latency(
        count=len(samples),
        mean=float(np.mean(samples)),
        p50=float(p50),
        p90=float(p90),
        p95=float(p95),
        p99=float(p99),
        max=float(np.max(samples)),
    )


@dataclass(frozen=True)
class NvidiaReading:
    """What NVIDIA's tables call the mean and "Latency 90/95/99 %", in ms; no percentiles."""

    mean: float
    fastest_90: float  # mean of the fastest 90 %
    fastest_95: float
    fastest_99: float


def nvidia_reading(samples: Sequence[float]) -> NvidiaReading | None:
    """Return ``samples`` (ms) as NVIDIA's script reads them; None for fewer than four.

    The script sorts the batches and drops the two slowest. It averages all of the rest, and the
    fastest 90, 95 and 99 % of the rest, rounded down to whole batches. So its 99 % is never above
    its mean. Source: "LATENCY SUMMARY" in TensorFlow2/LanguageModeling/ELECTRA/run_tf_squad.py of
    NVIDIA's DeepLearningExamples. Of three batches, the fastest 90 % would be none.
    """
    kept = np.sort(samples)[:-NVIDIA_DROPPED]
    counts = {share: int(len(kept) * share) for share in (0.9, 0.95, 0.99)}
    if not all(counts.values()):
        return None
    fastest = [float(np.mean(kept[:count])) for count in counts.values()]
    return NvidiaReading(float(np.mean(kept)), *fastest)
