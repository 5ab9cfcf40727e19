"""Percentiles, and NVIDIA's reading, against slow references and by hand."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.samples import NvidiaReading, nvidia_reading, summarize

LATENCIES = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=300)


def nearest_rank(samples: Sequence[float], percent: int) -> float:
    """The smallest sample that at least ``percent`` of the samples do not exceed."""
    return next(
        value
        for value in sorted(samples)
        if 100 * sum(each <= value for each in samples) >= percent * len(samples)
    )


@given(LATENCIES)
def test_percentiles_are_nearest_ranks(samples: list[float]) -> None:
    found = summarize(samples)
    assert found.count == len(samples)
    for percent in (50, 90, 95, 99):
        assert getattr(found, f"p{percent}") == nearest_rank(samples, percent)
    assert found.max == max(samples)
    assert found.mean == pytest.approx(math.fsum(samples) / len(samples))


@given(LATENCIES)
def test_nvidias_reading_is_a_mean_of_the_fastest(samples: list[float]) -> None:
    kept = sorted(samples)
    for _ in range(2):
        if kept:
            kept.remove(max(kept))
    found = nvidia_reading(samples)
    if len(kept) < 2:  # nine tenths of one batch are none
        assert found is None
        return
    assert found is not None
    assert found.mean == pytest.approx(math.fsum(kept) / len(kept))
    for percent in (90, 95, 99):
        count = len(kept) * percent // 100
        mean = math.fsum(kept[:count]) / count
        assert getattr(found, f"fastest_{percent}") == pytest.approx(mean)
    assert found.fastest_90 <= found.fastest_95 * (1 + 1e-9)
    assert found.fastest_99 <= found.mean * (1 + 1e-9)


def test_nvidias_reading_by_hand() -> None:
    # 500 and 400 are dropped; of the ten left, nine are 90, 95 and 99 %, cut to whole batches
    samples = (500, 3, 1, 2, 4, 10, 5, 400, 6, 7, 8, 9)
    assert nvidia_reading(samples) == NvidiaReading(5.5, 5.0, 5.0, 5.0)
    # of 102, a hundred are left: 1 to 100
    assert nvidia_reading(range(1, 103)) == NvidiaReading(50.5, 45.5, 48.0, 50.0)


def test_no_sample_has_no_summary() -> None:
    with pytest.raises(ValueError, match="no sample"):
        summarize([])
    assert nvidia_reading([]) is None
