"""A question whose answer is known, asked once, or by several clients without a pause."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.e2e.stack import NO_CERTIFICATES, Stack, wait_for

NORMAN = {
    "question": "Who led the Norman conquest of England?",
    "context": "The Norman conquest of England was led by William the Conqueror in 1066.",
}


def ask(stack: Stack, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Ask once, on a new connection."""
    url = f"{stack.url}/answer"
    return httpx.post(url, json=NORMAN, headers=headers, timeout=60, verify=NO_CERTIFICATES)


@dataclass(frozen=True)
class Told:
    """What clients were told, in any order; ``broken`` are the connections that failed."""

    replies: list[httpx.Response] = field(default_factory=list)
    broken: list[httpx.TransportError] = field(default_factory=list)

    def wait_for_more(self) -> None:
        """Return when the clients have had so many more replies that they ask steadily."""
        enough = len(self.replies) + 20
        wait_for(lambda: len(self.replies) >= enough)

    def check_that_all_were_answered(self) -> None:
        assert not self.broken
        assert {reply.status_code for reply in self.replies} == {200}
        assert {reply.json()["answer"] for reply in self.replies} == {"William the Conqueror"}


@contextmanager
def asking(stack: Stack) -> Iterator[Told]:
    """Have four clients ask while the block runs, each time on a new connection."""
    told, ending = Told(), threading.Event()

    def ask_again_and_again() -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(
            base_url=stack.url, timeout=60, limits=limits, verify=NO_CERTIFICATES
        ) as client:
            while not ending.is_set():
                try:
                    told.replies.append(client.post("/answer", json=NORMAN))
                except httpx.TransportError as error:
                    told.broken.append(error)

    clients = [threading.Thread(target=ask_again_and_again) for _ in range(4)]
    for each in clients:
        each.start()
    try:
        yield told
    finally:
        ending.set()
        for each in clients:
            each.join()
