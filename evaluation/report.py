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
    answers = predictions.answers
    if not has_unanswerable(examples):
        kinds = {model: evaluate(examples, answers)}
    else:
        answerable = [each for each in examples if each.answers]
        unanswerable = [each for each in examples if not each.answers]
        kinds = {model: evaluate_v2(examples, answers)}
        if answerable:
            kinds["with an answer"] = evaluate_v2(answerable, answers)
        kinds["without one"] = evaluate_v2(unanswerable, answers)
    rate = f"{len(examples) / seconds:.1f}"
    failed = str(len(predictions.failures))
    for name, scores in kinds.items():
        table.add_row(name, *_cells(scores, failed if name == model else ""), rate)
        rate = ""
    return table


def _cells(scores: Scores, failed: str) -> tuple[str, str, str, str]:
    return str(scores.total), failed, f"{scores.exact_match:.2f}", f"{scores.f1:.2f}"


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
