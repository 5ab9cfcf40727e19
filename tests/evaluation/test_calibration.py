import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.calibration import expected_calibration_error


@pytest.mark.parametrize(
    ("scores", "right", "error"),
    [
        ([1.0, 1.0], [True, True], 0),
        ([1.0, 1.0], [False, False], 1),
        ([0.75, 0.75, 0.75, 0.75], [True, True, True, False], 0),
        ([0.95, 0.95], [True, False], 0.45),
        ([0.05, 0.95], [True, False], 0.95),  # two bins, which do not make up for each other
        ([0.91, 0.99], [True, False], 0.45),  # one bin
    ],
)
def test_errors_by_hand(scores: list[float], right: list[bool], error: float) -> None:
    assert expected_calibration_error(scores, right) == pytest.approx(error)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
@settings(deadline=None)
def test_it_is_the_sum_over_bins_of_the_definition(pairs: list[tuple[float, bool]]) -> None:
    scores, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    error = 0.0
    for number in range(10):
        inside = [p for p in pairs if min(int(p[0] * 10), 9) == number]
        if inside:
            mean = float(np.mean([score for score, _ in inside]))
            accuracy = float(np.mean([hit for _, hit in inside]))
            error += len(inside) / len(pairs) * abs(mean - accuracy)
    assert expected_calibration_error(scores, right) == pytest.approx(error)


def test_nothing_to_compare() -> None:
    with pytest.raises(ValueError, match="0 scores for 0 answers"):
        expected_calibration_error([], [])
    with pytest.raises(ValueError, match="1 scores for 2 answers"):
        expected_calibration_error([0.5], [True, False])
