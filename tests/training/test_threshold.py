"""The null threshold, against all others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.threshold import best_threshold

QUESTIONS = st.lists(
    st.tuples(st.integers(-5, 5).map(float), st.floats(0, 100), st.floats(0, 100)), min_size=1
)


@given(QUESTIONS)
def test_no_other_threshold_scores_more(questions: list[tuple[float, float, float]]) -> None:
    def total(threshold: float) -> float:
        return sum(
            if_empty if difference > threshold else if_answered
            for difference, if_answered, if_empty in questions
        )

    differences, if_answered, if_empty = zip(*questions, strict=True)
    best = total(best_threshold(differences, if_answered, if_empty))
    assert best == pytest.approx(max(total(at / 2) for at in range(-13, 14)), rel=1e-9, abs=1e-6)


def test_it_is_halfway_between_the_questions() -> None:
    assert best_threshold([1.0, 4.0], [100, 0], [0, 100]) == 2.5
