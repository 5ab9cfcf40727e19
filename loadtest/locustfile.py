"""What ``locust -f`` runs: users who ask questions, in this process or in workers.

``loadtest load --processes`` starts workers that run it, and ``--workers`` waits for some. Run by
hand, it offers Locust's web page and all of Locust's own options.
"""

from argparse import ArgumentParser
from typing import Any

from locust import events
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtest.load.crew import listen
from loadtest.load.interactive import Interactive
from loadtest.load.users import AnswerUser, BatchUser, HuggingFaceUser
from qa.squad import SAMPLE

__all__ = ["AnswerUser", "BatchUser", "HuggingFaceUser"]


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: ArgumentParser) -> None:
    """Add our options to Locust's."""
    ours = parser.add_argument_group("questions")
    ours.add_argument("--dataset", default=str(SAMPLE), help="SQuAD file")
    ours.add_argument("--questions", type=int, default=200, help="how many different ones")
    ours.add_argument("--results", default="results", help="folder where results are written")
    ours.add_argument("--loop", choices=("closed", "open"), default="closed")
    ours.add_argument("--rate", type=float, default=0.5, help="questions/s of an open loop's user")


@events.init.add_listener  # type: ignore[untyped-decorator]
def begin(environment: Environment, **_: Any) -> None:
    """Have a worker listen to its master, and any other process command."""
    if isinstance(environment.runner, WorkerRunner):
        listen(environment)
        return
    assert environment.parsed_options is not None  # noqa: S101 - locust has parsed them
    commanding = Interactive(environment, environment.parsed_options)
    environment.events.test_start.add_listener(commanding.start)  # type: ignore[no-untyped-call]
    environment.events.test_stop.add_listener(commanding.stop)  # type: ignore[no-untyped-call]
