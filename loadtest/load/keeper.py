"""What a loading process keeps: its assignment, and a sample of every request."""

import itertools
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from loadtest.load.questions import Answer, Question, body_of

RIGHT, WRONG, TRANSPORT = "right", "wrong", "transport"

Loop = Literal["closed", "open"]


class Assignment(NamedTuple):
    """What the users of a level ask, of whom, and how."""

    url: str
    loop: Loop
    rate: float  # arrivals per second that each user makes in an open loop
    questions: Sequence[Question]
    known: Mapping[str, Sequence[Answer]]  # by route, for those that are asked


class Sample(NamedTuple):
    """One request, of whatever outcome."""

    route: str
    question: int  # its number
    sent: int  # the phase in which it was to be sent
    done: int  # the phase in which the reply came
    ms: float  # from the time at which it was to be sent
    delay: float  # ms that it was sent later than that
    outcome: str  # RIGHT, WRONG, TRANSPORT, or a status: "429"
    timing: str  # the reply's Server-Timing


def judge(status: int, answer: Answer | None, known: Answer) -> str:
    """Return the outcome of a request; the status is 0 where no reply came."""
    if status == 0:
        return TRANSPORT
    if status != 200:
        return str(status)
    return RIGHT if answer == known else WRONG


class Keeper:
    """What the users of one process share.

    Phases are numbered by the process that commands: a level has one in which it settles and one
    in which it is measured.
    """

    def __init__(self) -> None:
        self.phase = 0
        self.in_flight: Counter[int] = Counter()  # requests by the phase in which they were sent
        self.samples: list[Sample] = []

    def assign(self, assignment: Assignment, process: int) -> None:
        """Take a new assignment; the order of its questions differs from process to process."""
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
        """Return the number of the question whose turn it is."""
        return next(self._order)

    def take(self) -> list[Sample]:
        """Return the samples since the last time, and forget them."""
        taken, self.samples = self.samples, []
        return taken
