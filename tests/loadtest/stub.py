"""A tiny HTTP server in place of the gateway, for what a real one does only by chance."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Semaphore

from tests.json_server import JsonHandler, running


@dataclass
class Reply:
    status: int = 200
    answer: str = "in 1066"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def stall(period: float, share: float) -> float:
    """The seconds for which a server that stalls for ``share`` of each period still stalls."""
    now = time.monotonic() % period
    return max(0.0, share * period - now)


@contextmanager
def serving(
    reply: Callable[[int], Reply],
    model: str = "electra_qa_stub",
    at_once: int = 10_000,
    key: str | None = None,
) -> Iterator[str]:
    """Serve, and yield the URL; ``reply`` is given the number of the question, from 0.

    At most ``at_once`` replies are made at a time; the others wait. Requests without the ``key``
    are refused.
    """
    numbers, places = count(), Semaphore(at_once)

    class Handler(JsonHandler):
        def do_GET(self) -> None:
            if self._knows_the_key():
                self.send(200, {"name": model, "sequence_length": 384}, {})

        def do_POST(self) -> None:
            asked = self.read()
            if not self._knows_the_key():
                return
            made = reply(next(numbers))
            with places:
                time.sleep(made.seconds)
            answer = {"answer": made.answer, "start": 0, "end": 7}
            many = {"answers": [answer for _ in asked.get("pairs", ())]}
            self.send(made.status, many if "pairs" in asked else answer, made.headers)

        def _knows_the_key(self) -> bool:
            if key is None or self.headers["authorization"] == f"Bearer {key}":
                return True
            self.send(401, {}, {})
            return False

    with running(Handler) as url:
        yield url
