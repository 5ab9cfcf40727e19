"""NVIDIA's published figures, copied without a slip."""

from statistics import mean, stdev

import pytest

from training.published import published


def test_the_spreads_are_those_of_the_seeds() -> None:
    # some means are truncated, not rounded, and some deviations are divided by n, not n - 1
    for each in published().stability:
        assert each.mean == pytest.approx(mean(each.values), abs=0.01)
        assert each.deviation == pytest.approx(stdev(each.values), abs=0.015)


def test_more_gpus_and_less_precision_are_faster() -> None:
    rows = published().throughput
    for one in rows:
        for other in rows:
            if one.system == other.system and one.precision == other.precision:
                assert (one.gpus < other.gpus) == (one.sequences < other.sequences)
            if one.system == other.system and one.gpus == other.gpus:
                assert (one.precision == "mixed") >= (one.sequences > other.sequences)
    assert len(rows) == 20
    assert len(published().accuracy) == 12
