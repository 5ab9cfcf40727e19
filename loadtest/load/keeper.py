"""What a loading process keeps: its assignment, and a sample of each question."""

import itertools
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from loadtest.load.questions import Answer, Question, body_of

RIGHT, WRONG, TRANSPORT = "right", "wrong", "transport"

Loop = Literal["closed", "open"]


class Assignment(NamedTuple):
    """What the users of a level ask, where, and how."""

    url: str
    loop: Loop
    rate: float  # arrivals per second that each user makes in an open loop
    questions: Sequence[Question]
    known: Mapping[str, Sequence[Answer]]  # by route


class Sample(NamedTuple):
    """One question that was asked, with any outcome."""

    route: str
    question: int  # its number in the assignment
    sent: int  # the phase in which it was due
    done: int  # the phase in which the reply came
    ms: float  # from the time at which it was due to the reply
    delay: float  # ms from that time until it was sent
    outcome: str  # RIGHT, WRONG, TRANSPORT, or a status: "429"
    timing: str  # the header Server-Timing of the reply


def judge(status: int, answer: Answer | None, known: Answer) -> str:
    """Return the outcome of a request; the status is 0 where no reply came."""
    if status == 0:
        return TRANSPORT
    if status != 200:
        return str(status)
    return RIGHT if answer == known else WRONG


class Keeper:
    """What the users of one process share.

    The commanding process numbers the phases: a level has one to settle and one to be measured.
    """

    def __init__(self) -> None:
        self.phase = 0
        self.in_flight: Counter[int] = Counter()  # requests by the phase in which they were due
        self.samples: list[Sample] = []

    def assign(self, assignment: Assignment, process: int) -> None:
        """Take a new assignment; each process asks its questions in another order."""
        self.assignment = assignment
        self.bodies = {
            route: [body_of([each], route) for each in assignment.questions]
            for route in assignment.known
        }
        self.random = random.Random(process)  # noqa: S311
        order = list(range(len(assignment.questions)))
        self.random.shuffle(order)
        self._order = itertools.cycle(order)

    def next_question(self) -> int:
        """Return the number of the next question."""
        return next(self._order)

    def take(self) -> list[Sample]:
        """Return the samples since the last call, and forget them."""
        taken, self.samples = self.samples, []
        return taken
