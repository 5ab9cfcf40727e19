"""An HTTP server in place of the gateway: it keeps what it was asked and replies as told."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.json_server import JsonHandler, running

Question = Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: object = field(default_factory=lambda: {"answer": "William", "score": 0.5})
    headers: Mapping[str, str] = field(default_factory=dict)


INFO = Reply(body={"name": "electra_qa_stub"})


@dataclass(frozen=True)
class FarEnd:
    url: str
    asked: list[Question]
    times: list[float]  # when each question came
    authorizations: list[str | None]  # of every request


@contextmanager
def answering(reply: Callable[[Question], Reply], info: Reply = INFO) -> Iterator[FarEnd]:
    asked: list[Question] = []
    times: list[float] = []
    authorizations: list[str | None] = []

    class Handler(JsonHandler):
        def do_GET(self) -> None:
            self._reply(info)

        def do_POST(self) -> None:
            times.append(time.monotonic())
            question = self.read()
            asked.append(question)
            self._reply(reply(question))

        def _reply(self, made: Reply) -> None:
            authorizations.append(self.headers["authorization"])
            self.send(made.status, made.body, made.headers)

    with running(Handler) as url:
        yield FarEnd(url, asked, times, authorizations)
