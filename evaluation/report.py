"""What an evaluation found, as a table: EM and F1, and how well scores are calibrated."""

from collections.abc import Sequence

from rich.table import Table

from evaluation.client import Predictions
from qa.calibration import expected_calibration_error
from qa.squad import Example, Scores, evaluate, evaluate_v2, exact_match, has_unanswerable


def scores_table(
    model: str, examples: Sequence[Example], predictions: Predictions, seconds: float
) -> Table:
    """Return a row of all questions and, of SQuAD 2.0, a row of each of its two kinds."""
    table = Table("variant", "questions", "failed", "EM", "F1", "questions/s")
    is_v2 = has_unanswerable(examples)
    scores = (evaluate_v2 if is_v2 else evaluate)(examples, predictions.answers)
    rate = f"{len(examples) / seconds:.1f}"
    table.add_row(*_row(model, scores, str(len(predictions.failures)), rate))
    if is_v2:
        kinds = {
            "with an answer": [each for each in examples if each.answers],
            "without one": [each for each in examples if not each.answers],
        }
        for name, some in kinds.items():
            if some:
                table.add_row(*_row(name, evaluate_v2(some, predictions.answers)))
    return table


def _row(name: str, scores: Scores, failed: str = "", rate: str = "") -> tuple[str, ...]:
    return (name, str(scores.total), failed, f"{scores.exact_match:.2f}", f"{scores.f1:.2f}", rate)


def calibration_error(examples: Sequence[Example], predictions: Predictions) -> float:
    """Return how far scores are from the share of exact matches, in percent.

    Where there is no answer, the empty one matches.
    """
    answered = [each for each in examples if each.id in predictions.scores]
    right = [
        any(exact_match(predictions.answers[each.id], gold) for gold in each.answers or ("",))
        for each in answered
    ]
    scores = [predictions.scores[each.id] for each in answered]
    return 100 * expected_calibration_error(scores, right)
