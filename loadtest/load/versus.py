"""The gateway and the baseline in turns: both run all the time, and one is loaded at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from loadtest.errors import LoadTestError
from loadtest.load.client import is_gone
from loadtest.load.measurement import System
from loadtest.load.questions import Question
from loadtest.load.rows import Level
from loadtest.load.users import BatchUser
from loadtest.result import Accuracy, LoadRow
from qa.metric import evaluate
from qa.squad import Example, has_unanswerable

BATCHED = ", batched"

Measure = Callable[[System, Level, int], LoadRow]


def batched(system: System) -> System:
    """Return the same system with users who ask many questions in one request."""
    return replace(system, name=system.name + BATCHED, user=BatchUser)


def take_turns(
    measure: Measure, systems: Sequence[System], users: Sequence[float], rounds: int
) -> Iterator[LoadRow]:
    """Measure every system at every number of users, all of them in each round.

    A batched system is measured with the first number only. Raises LoadTestError when a system is
    gone.
    """
    for number in range(rounds):
        for each in users:
            for system in systems:
                if system.user is BatchUser and each != users[0]:
                    continue
                row = measure(system, Level("closed", each), number)
                yield row
                if is_gone(system.url, row):
                    raise LoadTestError(f"{system.name} at {system.url} no longer answers")


def accuracy_of(system: System, examples: Sequence[Example], dataset: str) -> Accuracy:
    """Score the answers that ``system`` gave unloaded by the gold answers of ``examples``.

    Raises LoadTestError when a question has no gold answer, as users ask for one in any case.
    """
    asked: Mapping[Question, Example] = {
        Question(each.question, each.context): each for each in examples
    }
    found = [asked[question] for question in system.questions]
    if has_unanswerable(found):
        raise LoadTestError(f"{dataset} has questions without an answer; SQuAD 1.1 is needed")
    scores = evaluate(found, [answer.text for answer in system.known])
    return Accuracy(scores.exact_match, scores.f1, scores.total, f"measured in this run, {dataset}")
