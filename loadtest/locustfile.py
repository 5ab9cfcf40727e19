"""What ``locust -f`` runs: users who ask questions, in this process or as a worker of another."""

from typing import Any

from locust import events
from locust.env import Environment
from locust.runners import MasterRunner

from loadtest.batch_user import BatchUser
from loadtest.crew import listen
from loadtest.users import AnswerUser, HuggingFaceUser

__all__ = ["AnswerUser", "BatchUser", "HuggingFaceUser"]


@events.init.add_listener  # type: ignore[untyped-decorator]
def begin(environment: Environment, **_: Any) -> None:
    """Listen to who commands."""
    if not isinstance(environment.runner, MasterRunner):
        listen(environment)
