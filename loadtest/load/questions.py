"""The questions that users send and the answers that come back, and each route's JSON of them."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from loadtest.batches.inputs import read_examples

SEED = 0


class Question(NamedTuple):
    """A question and its context."""

    question: str
    context: str


class Answer(NamedTuple):
    """What replies are compared by: without the score, whose last digits may differ."""

    text: str
    start: int
    end: int


ANSWER_ROUTE = "/answer"
BATCH_ROUTE = "/answers"
HUGGING_FACE_ROUTE = "/"


def read_questions(dataset: Path, count: int) -> tuple[Question, ...]:
    """Return ``count`` questions of a SQuAD file, or all if it has fewer, in shuffled order.

    Raises LoadTestError where the file is missing or malformed.
    """
    examples = read_examples(dataset)
    random.Random(SEED).shuffle(examples)  # noqa: S311 - the same order in every run
    return tuple(Question(each.question, each.context) for each in examples[:count])


def body_of(questions: Sequence[Question], route: str) -> str:
    """Return the body of a request to ``route``; only BATCH_ROUTE takes several questions."""
    asked = [each._asdict() for each in questions]
    if route == BATCH_ROUTE:
        return json.dumps({"pairs": asked})
    (one,) = asked
    return json.dumps({"inputs": one} if route == HUGGING_FACE_ROUTE else one)


def parse_answers(body: bytes, route: str, count: int = 1) -> list[Answer | None]:
    """Return the ``count`` answers in a reply of ``route``, each None where it is missing."""
    try:
        reply = json.loads(body)
        found = list(reply["answers"]) if route == BATCH_ROUTE else [reply]
    except (ValueError, TypeError, KeyError):
        found = []
    answers = [_answer(each) for each in found[:count]]
    return answers + [None] * (count - len(answers))


def _answer(span: Any) -> Answer | None:
    try:
        return Answer(str(span["answer"]), int(span["start"]), int(span["end"]))
    except (ValueError, TypeError, KeyError):
        return None
