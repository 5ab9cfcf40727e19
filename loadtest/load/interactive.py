"""Questions under load by hand, from Locust's web page or its command line."""

import logging
import time
from argparse import Namespace
from pathlib import Path

import gevent
from locust.env import Environment
from rich.console import Console

from loadtest.device import environment as environment_of
from loadtest.errors import LoadTestError
from loadtest.load.client import record_answers
from loadtest.load.crew import Crew
from loadtest.load.keeper import Assignment, Sample
from loadtest.load.questions import Question, read_questions
from loadtest.load.rows import Level, make_row
from loadtest.load.tables import NOTE, latency_table, stage_table
from loadtest.load.users import AskingUser
from loadtest.result import LoadRow, Result, write_result

logger = logging.getLogger("locust.questions")


class Interactive:
    """What the commanding process does when a test starts and stops."""

    def __init__(self, environment: Environment, options: Namespace) -> None:
        self.environment = environment
        self.options = options
        self.crew = Crew(environment)

    def start(self, **_: object) -> None:
        """Record the answers while the server is not loaded, and tell the users what to ask."""
        try:
            self._start()
        except LoadTestError as error:
            logger.error("%s", error)
            self.environment.process_exit_code = 1
            runner = self.crew.runner
            gevent.spawn(runner.quit if self.options.headless else runner.stop)

    def _start(self) -> None:
        self.ran = environment_of()
        self.url = (self.environment.host or "").rstrip("/")
        self.questions: tuple[Question, ...] = read_questions(
            Path(self.options.dataset), self.options.questions
        )
        known = {
            each.route: record_answers(self.url, each.route, self.questions)
            for each in self._users()
        }
        self.crew.assign(
            Assignment(
                url=self.url,
                loop=self.options.loop,
                rate=self.options.rate,
                questions=self.questions,
                known=known,
            )
        )
        self.began, self.phase = time.perf_counter(), self.crew.begin()

    def stop(self, **_: object) -> None:
        """Write and print what was measured since the start, with true percentiles."""
        if not self.crew.phase:
            return  # the start failed
        seconds = time.perf_counter() - self.began
        samples, _in_flight = self.crew.collect(self.phase)
        rows = [self._row(each, samples, seconds) for each in self._users()]
        result = Result(
            name="interactive",
            environment=self.ran,
            checkpoint=self.url,
            dataset=f"{Path(self.options.dataset).name}, {len(self.questions)} questions",
            loads=tuple(rows),
        )
        Console().print(latency_table(rows), stage_table(rows), NOTE)
        print(f"the result: {write_result(result, Path(self.options.results))}")

    def _users(self) -> list[type[AskingUser]]:
        return [each for each in self.environment.user_classes if issubclass(each, AskingUser)]

    def _row(self, user: type[AskingUser], samples: list[Sample], seconds: float) -> LoadRow:
        users = self.crew.runner.target_user_classes_count.get(user.__name__, 0)
        amount = users if self.options.loop == "closed" else users * self.options.rate
        return make_row(
            [each for each in samples if each.route == user.route and each.sent == self.phase],
            self.questions,
            Level(self.options.loop, amount),
            system=self.url,
            route=user.route,
            number=0,
            seconds=seconds,
            settled=False,
        )
