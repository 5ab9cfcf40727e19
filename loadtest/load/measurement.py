"""One level of load: held until latency is steady, then measured."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import gevent
from locust.env import Environment

from loadtest.errors import LoadTestError
from loadtest.load.client import record_answers
from loadtest.load.counts import Counts
from loadtest.load.crew import Crew
from loadtest.load.keeper import RIGHT, Assignment, Sample
from loadtest.load.questions import Answer, Question
from loadtest.load.rows import Level, make_row, of_phase
from loadtest.load.users import PATIENCE_SECONDS, AskingUser
from loadtest.result import LoadRow
from loadtest.warm_up import has_settled

SOURCES = 16  # users of an open loop in each process
BLOCKS = 10  # a settling block takes the measured time divided by this
SETTLING_BLOCKS = 20  # at most
DRAIN_SECONDS = 0.02


@dataclass(frozen=True)
class System:
    """What is put under load, and the answers that it gave to ``questions`` before."""

    name: str
    url: str
    user: type[AskingUser]  # its class names the route
    questions: Sequence[Question]
    known: Sequence[Answer]
    counts: Callable[[], Counts] | None = None  # of our gateway and its Triton

    @classmethod
    def recorded(
        cls,
        name: str,
        url: str,
        user: type[AskingUser],
        questions: Sequence[Question],
        counts: Callable[[], Counts] | None = None,
    ) -> "System":
        """Return the system after asking it all questions, one at a time.

        Raises LoadTestError when a question gets no answer.
        """
        known = record_answers(url, user.route, questions)
        return cls(name, url, user, questions, known, counts)


class Measurement:
    """Measures levels one after another, with all processes of a Locust environment."""

    def __init__(self, environment: Environment, seconds: float) -> None:
        self.environment = environment
        self.seconds = seconds
        self.crew = Crew(environment)
        self.processes = self.crew.runner.worker_count

    def measure(self, system: System, level: Level, number: int = 0) -> LoadRow:
        """Return the row of ``level``.

        Settling takes at most twice as long as the measurement. Raises LoadTestError when the
        system can no longer be reached, or a loading process no longer reports.
        """
        phase = self._start(system, level)
        settled = self._settle(phase)
        before, phase = _counts(system), self.crew.begin()
        started = time.perf_counter()
        gevent.sleep(self.seconds)
        seconds = time.perf_counter() - started
        self.crew.begin()
        after = _counts(system)
        difference = after - before if before and after else Counts()
        samples = self._drain(phase)
        if level.loop == "open":  # until the last question of that time was answered
            seconds = time.perf_counter() - started
        self._spawn(0, system.user)
        counted = of_phase(samples, level.loop, phase)
        return make_row(
            counted,
            system.questions,
            level,
            system=system.name,
            route=system.user.route,
            number=number,
            seconds=seconds,
            settled=settled,
            padding_ratio=difference.padding_ratio,
            mean_batch=difference.mean_batch,
        )

    def _start(self, system: System, level: Level) -> int:
        if (left := self.crew.runner.worker_count) < self.processes:
            raise LoadTestError(f"only {left} of {self.processes} loading processes are left")
        users = int(level.amount) if level.loop == "closed" else SOURCES * self.processes
        self.environment.host = system.url
        self.crew.assign(
            Assignment(
                url=system.url,
                loop=level.loop,
                rate=level.amount / users,
                questions=system.questions,
                known={system.user.route: system.known},
            )
        )
        phase = self.crew.begin()
        self._spawn(users, system.user)
        return phase

    def _spawn(self, users: int, user_class: type[AskingUser]) -> None:
        runner = self.crew.runner
        at_once = max(users, runner.user_count)
        runner.start(users, spawn_rate=at_once, user_classes=[user_class])
        with gevent.Timeout(PATIENCE_SECONDS, LoadTestError(f"{users} users cannot be started")):
            while runner.user_count != users:
                gevent.sleep(0.01)

    def _settle(self, phase: int) -> bool:
        medians: list[float] = []
        for _ in range(SETTLING_BLOCKS):
            gevent.sleep(self.seconds / BLOCKS)
            block = [each.ms for each in self.crew.collect(phase)[0] if each.outcome == RIGHT]
            medians += [median(block)] if block else []
            if has_settled(medians):
                return True
        return False

    def _drain(self, phase: int) -> list[Sample]:
        """Wait for the requests in flight, and return all samples since the last collection."""
        samples: list[Sample] = []
        while True:
            more, in_flight = self.crew.collect(phase)
            samples += more
            if not in_flight:
                return samples
            gevent.sleep(DRAIN_SECONDS)


def _counts(system: System) -> Counts | None:
    """Return the system's counts; None where it has none or is gone, which its failures show."""
    try:
        return system.counts() if system.counts else None
    except LoadTestError:
        return None
