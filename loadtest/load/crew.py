"""The loading processes, one or many: what they are told, and what they report.

Both are Locust's own messages. A process that loads on its own sends them to itself.
"""

from typing import Any

import gevent
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from loadtest.errors import LoadTestError
from loadtest.load.keeper import Assignment, Keeper, Sample
from loadtest.load.questions import Answer, Question

ASSIGN, PHASE, COLLECT, SAMPLES = (
    f"loadtest_{each}" for each in ("assign", "phase", "collect", "samples")
)
REPLY_SECONDS = 10


def listen(environment: Environment) -> None:
    """Make the users of this process follow the messages that it receives."""
    keeper, runner = Keeper(), environment.runner
    assert isinstance(runner, LocalRunner | WorkerRunner)  # noqa: S101 - a master has no users
    for user_class in environment.user_classes:
        user_class.keeper = keeper  # type: ignore[attr-defined] # as Locust sets host

    def assign(msg: Any, **_: object) -> None:
        given = Assignment(**msg.data)
        keeper.assign(
            given._replace(
                questions=[Question(*each) for each in given.questions],
                known={
                    route: [Answer(*each) for each in answers]
                    for route, answers in given.known.items()
                },
            ),
            process=runner.worker_index,
        )

    def begin(msg: Any, **_: object) -> None:
        keeper.phase = msg.data["phase"]

    def report(msg: Any, **_: object) -> None:
        data = {"samples": keeper.take(), "in_flight": keeper.in_flight[msg.data["phase"]]}
        runner.send_message(SAMPLES, data)

    for message, listener in ((ASSIGN, assign), (PHASE, begin), (COLLECT, report)):
        runner.register_message(message, listener)


class Crew:
    """The loading processes, as the commanding process sees them."""

    def __init__(self, environment: Environment) -> None:
        assert isinstance(environment.runner, LocalRunner | MasterRunner)  # noqa: S101
        self.runner = environment.runner
        self.size = 0  # processes
        self.phase = 0
        if isinstance(self.runner, LocalRunner):
            listen(environment)  # this process loads, too
        self._reports: dict[str, Any] = {}
        self.runner.register_message(SAMPLES, self._receive)

    def assign(self, assignment: Assignment) -> None:
        """Tell all processes that are there now what to ask from now on."""
        self.size = self.runner.worker_count
        self.runner.send_message(ASSIGN, assignment._asdict())

    def begin(self) -> int:
        """Begin a new phase, and return its number."""
        self.phase += 1
        self.runner.send_message(PHASE, {"phase": self.phase})
        return self.phase

    def collect(self, phase: int) -> tuple[list[Sample], int]:
        """Return the samples since the last call, and how many requests of ``phase`` are in flight.

        Raises LoadTestError when a process does not report.
        """
        self._reports = {}
        self.runner.send_message(COLLECT, {"phase": phase})
        with gevent.Timeout(REPLY_SECONDS, False):
            while len(self._reports) < self.size:
                gevent.sleep(0.005)
        if len(self._reports) < self.size:
            raise LoadTestError(
                f"only {len(self._reports)} of {self.size} loading processes report; "
                "the others have ended, or cannot be reached"
            )
        reports = self._reports.values()
        samples = [Sample(*each) for report in reports for each in report["samples"]]
        return samples, sum(report["in_flight"] for report in reports)

    def _receive(self, msg: Any, **_: object) -> None:
        self._reports[msg.node_id] = msg.data
