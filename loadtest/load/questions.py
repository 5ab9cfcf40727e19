"""The questions that users send, how each route wants them, and the answers known to be right."""

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from loadtest.errors import LoadTestError
from qa.squad import SquadError, read_examples

SEED = 0


class Question(NamedTuple):
    """What is asked, and of what."""

    question: str
    context: str


class Answer(NamedTuple):
    """What a reply is compared by: not its score, whose last digits may differ."""

    text: str
    start: int
    end: int


BATCH_ROUTE = "/answers"

BODIES: Mapping[str, Callable[[Question], object]] = {
    "/answer": Question._asdict,
    BATCH_ROUTE: lambda question: {"pairs": [question._asdict()]},
    "/": lambda question: {"inputs": question._asdict()},
}


def read_questions(dataset: Path, count: int) -> tuple[Question, ...]:
    """Return ``count`` questions of a SQuAD file, or all if it has fewer, in shuffled order.

    Raises LoadTestError when the file is not there, or is none of SQuAD's.
    """
    try:
        examples = read_examples(dataset)
    except SquadError as error:
        raise LoadTestError(f"the questions cannot be read: {error}") from error
    random.Random(SEED).shuffle(examples)  # noqa: S311 - the same order in every run
    return tuple(Question(each.question, each.context) for each in examples[:count])


def body_of(question: Question, route: str) -> str:
    """Return the body of a request to ``route``."""
    return json.dumps(BODIES[route](question))


def parse_answer(body: bytes) -> Answer | None:
    """Return the answer of a reply, or None when that is none."""
    try:
        reply = json.loads(body)
        return Answer(str(reply["answer"]), int(reply["start"]), int(reply["end"]))
    except (ValueError, TypeError, KeyError):
        return None
