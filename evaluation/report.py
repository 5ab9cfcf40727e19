"""What an evaluation found, as a table: EM and F1, and how well scores are calibrated."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from evaluation.calibration import expected_calibration_error
from evaluation.client import Failure, Outcome, Reply
from qa.metric import Scores, evaluate, evaluate_v2, exact_match
from qa.squad import Example, has_unanswerable

SHOWN_FAILURES = 5


def scores_table(
    model: str, examples: Sequence[Example], outcomes: Sequence[Outcome], seconds: float
) -> Table:
    """Return a row for all questions and, if some have no answer, one for each of the two kinds.

    If several answers per question were asked for, another row scores the best of them, chosen by
    the gold answers.
    """
    table = Table("variant", "questions", "failed", "EM", "F1", "questions/s")
    failed = sum(isinstance(each, Failure) for each in outcomes)
    first = [_first(each) for each in outcomes]
    rate = f"{len(examples) / seconds:.1f}"
    table.add_row(*_row(model, evaluate(examples, first), str(failed), rate))
    most = max(len(_texts(each)) for each in outcomes)
    if most > 1:
        best = [_best_of(*pair) for pair in zip(examples, outcomes, strict=True)]
        table.add_row(*_row(f"best of {most}", evaluate(examples, best)))
    if has_unanswerable(examples):
        kinds = {"with an answer": True, "without one": False}
        for name, wanted in kinds.items():
            some = [at for at, each in enumerate(examples) if bool(each.answers) is wanted]
            if some:
                scores = evaluate_v2([examples[at] for at in some], [first[at] for at in some])
                table.add_row(*_row(name, scores))
    return table


def _row(name: str, scores: Scores, failed: str = "", rate: str = "") -> tuple[str, ...]:
    return (name, str(scores.total), failed, f"{scores.exact_match:.2f}", f"{scores.f1:.2f}", rate)


def _texts(outcome: Outcome) -> tuple[str, ...]:
    return outcome.answers if isinstance(outcome, Reply) else ()


def _first(outcome: Outcome) -> str | None:
    return next(iter(_texts(outcome)), None)


def _best_of(example: Example, outcome: Outcome) -> str | None:
    def scores(text: str) -> tuple[float, float]:
        found = evaluate([example], [text])
        return found.exact_match, found.f1

    return max(_texts(outcome), key=scores, default=None)


def calibration_error(examples: Sequence[Example], outcomes: Sequence[Outcome]) -> float | None:
    """Return the expected calibration error of the scores against exact matches, in percent.

    Where a question has no answer, the empty one matches. None where every question failed.
    """
    answered = [
        (example, outcome)
        for example, outcome in zip(examples, outcomes, strict=True)
        if isinstance(outcome, Reply)
    ]
    right = [
        any(exact_match(outcome.answers[0], gold) for gold in example.answers or ("",))
        for example, outcome in answered
    ]
    if not answered:
        return None
    return 100 * expected_calibration_error([outcome.score for _, outcome in answered], right)


def failure_lines(examples: Sequence[Example], outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield a line for each of the first questions that failed, and one with how many more did."""
    failed = [
        f"failed: {example.id}: {outcome.reason}"
        for example, outcome in zip(examples, outcomes, strict=True)
        if isinstance(outcome, Failure)
    ]
    yield from failed[:SHOWN_FAILURES]
    if len(failed) > SHOWN_FAILURES:
        yield f"and {len(failed) - SHOWN_FAILURES} more of {len(outcomes)} questions failed"
