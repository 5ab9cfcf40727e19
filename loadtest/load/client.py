"""Single requests, one at a time: by the client that Locust's users have."""

import json
import os
from collections.abc import Sequence
from typing import Any

from locust.contrib.fasthttp import FastHttpSession
from locust.event import EventHook
from rich.console import Console
from rich.progress import track

from loadtest.errors import LoadTestError
from loadtest.load.keeper import TRANSPORT
from loadtest.load.proxy import proxy_options
from loadtest.load.questions import Answer, Question, body_of, parse_answer
from loadtest.result import LoadRow

SECONDS = 60


def headers() -> dict[str, str]:
    """Return what every request brings; the key of LOADTEST_API_KEY is for a gateway with keys."""
    key = os.environ.get("LOADTEST_API_KEY")
    authorization = {"authorization": f"Bearer {key}"} if key else {}
    return {"content-type": "application/json", **authorization}


def session(url: str) -> FastHttpSession:
    """Return a client of ``url``, of which Locust's statistics know nothing."""
    nobody = EventHook()  # type: ignore[no-untyped-call]
    options = {"network_timeout": SECONDS, "connection_timeout": SECONDS, **proxy_options(url)}
    return FastHttpSession(url, nobody, None, **options)


def is_reachable(url: str) -> bool:
    """Whether anything answers HTTP at ``url``."""
    return session(url).get("/").status_code != 0


def is_gone(url: str, row: LoadRow) -> bool:
    """Whether requests of ``row`` were lost, and nothing answers at ``url`` any more."""
    return TRANSPORT in row.failures and not is_reachable(url)


def is_ready(url: str) -> bool:
    """Whether the server at ``url`` says that it can answer."""
    return session(url).get("/health/ready").status_code == 200


def get(url: str, path: str) -> str:
    """Return the text at ``url`` and ``path``; raises LoadTestError when there is none."""
    reply = session(url).get(path, headers=headers())
    if reply.status_code != 200:
        raise LoadTestError(f"{url}{path} {_problem(reply)}")
    return reply.text or ""


def served_model(url: str) -> tuple[str, int]:
    """Return the name and sequence length of the model that the gateway at ``url`` serves."""
    try:
        info = json.loads(get(url, "/info"))
        return str(info["name"]), int(info["sequence_length"])
    except (ValueError, KeyError, TypeError) as error:
        raise LoadTestError(f"{url}/info is not that of our gateway: {error}") from error


def record_answers(url: str, route: str, questions: Sequence[Question]) -> list[Answer]:
    """Return the answer to each question, asked one at a time, so that the system is unloaded.

    Raises LoadTestError when one gets none.
    """
    client, console = session(url), Console(stderr=True)
    asking = track(questions, f"{url}, unloaded", console=console, disable=not console.is_terminal)
    return [_ask(client, route, each) for each in asking]


def _ask(client: FastHttpSession, route: str, question: Question) -> Answer:
    reply = client.post(route, data=body_of(question, route), headers=headers())
    answer = parse_answer(reply.content or b"") if reply.status_code == 200 else None
    if answer is None:
        raise LoadTestError(
            f"{client.base_url}{route} {_problem(reply)} to {question.question!r}, unloaded"
        )
    return answer


def _problem(reply: Any) -> str:
    if reply.status_code == 0:
        return f"cannot be reached ({reply.error}); is it up?"
    return f"answers with status {reply.status_code}: {(reply.text or '')[:200]}"
