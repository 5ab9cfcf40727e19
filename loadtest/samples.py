"""Latencies of single requests in ms, and what is said of them: mean and percentiles.

Samples are kept whole: Locust's own statistics round them to 1, 10 or 100 ms.
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

    A percentile is the smallest sample that at least that share does not exceed (nearest rank):
    one that was really measured, and never less than what was asked for. Raises ValueError when
    there is no sample.
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
    """Return ``samples`` (ms) as NVIDIA's script reads them; None where that has no value.

    It sorts the batches, drops the two slowest, and averages all of the rest, and the fastest 90,
    95 and 99 % of it, cut to whole batches: TensorFlow2/LanguageModeling/ELECTRA/run_tf_squad.py
    of NVIDIA's DeepLearningExamples, "LATENCY SUMMARY". So its 99 % is never above its mean. With
    fewer than four batches, the fastest 90 % would be none.
    """
    kept = np.sort(samples)[:-NVIDIA_DROPPED]
    counts = {share: int(len(kept) * share) for share in (0.9, 0.95, 0.99)}
    if not all(counts.values()):
        return None
    fastest = [float(np.mean(kept[:count])) for count in counts.values()]
    return NvidiaReading(float(np.mean(kept)), *fastest)
