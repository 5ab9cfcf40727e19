from statistics import mean, stdev

import pytest

from training.published import published


def test_the_spreads_are_those_of_the_seeds() -> None:
    # a figure that was copied wrongly would show
    for each in published().stability:
        assert each.mean == pytest.approx(
            mean(each.values), abs=0.01
        )  # some are cut off, not rounded
        assert each.deviation == pytest.approx(
            stdev(each.values), abs=0.015
        )  # of n, here and there


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
