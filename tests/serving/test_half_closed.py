"""Real uvicorn, with our protocol and middleware, around an application that replies when told."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from serving.disconnect import Disconnect
from serving.limits import BodyLimit
from serving.protocol import BoundedProtocol
from tests.e2e.stack import wait_for
from tests.serving.server import running

REQUEST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody"


class Application:
    """Holds every request back until ``replying`` is set, and counts those that came and went."""

    def __init__(self) -> None:
        self.port = 0
        self.replying = threading.Event()
        self.came = 0
        self.cancelled = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await receive()
        self.came += 1
        try:
            while not self.replying.is_set():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        headers = [(b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"reply"})


@pytest.fixture(params=["uvloop", "asyncio"])
def application(request: pytest.FixtureRequest) -> Iterator[Application]:
    application = Application()
    protocol = partial(BoundedProtocol, max_connections=10, head_seconds=60)
    config = uvicorn.Config(
        BodyLimit(Disconnect(application), 1000, 60),
        http=protocol,  # type: ignore[arg-type]
        loop=request.param,
        lifespan="off",
        log_config=None,
    )
    with running(config) as port:
        application.port = port
        yield application
        application.replying.set()


def ask(application: Application, sent: bytes = REQUEST) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", application.port), timeout=60)
    connection.sendall(sent)
    return connection


def received(connection: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("seconds", [0, 0.3, 1.5])
def test_a_client_that_sends_no_more_gets_a_whole_reply(
    application: Application, seconds: float
) -> None:
    """However much of its beginning was sent ahead."""
    connection = ask(application)
    connection.shutdown(socket.SHUT_WR)
    time.sleep(seconds)
    application.replying.set()
    head, _, body = received(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b"reply"
    assert application.cancelled == 0


def test_it_gets_the_replies_to_all_that_it_sent(application: Application) -> None:
    connection = ask(application, REQUEST * 3)
    connection.shutdown(socket.SHUT_WR)
    wait_for(lambda: application.came > 0)
    application.replying.set()
    replies = received(connection)
    assert replies.count(b"HTTP/1.1 200 OK\r\n") == replies.count(b"\r\n\r\nreply") == 3


def test_a_client_that_is_gone_is_noticed(application: Application) -> None:
    connection = ask(application)
    wait_for(lambda: application.came == 1)
    connection.close()
    wait_for(lambda: application.cancelled == 1)


def test_so_is_one_that_half_closed_before(application: Application) -> None:
    connection = ask(application)
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(1) == b"H"  # the reply's beginning, sent ahead
    connection.close()
    wait_for(lambda: application.cancelled == 1)


def test_a_request_that_is_not_whole_ends_with_its_client(application: Application) -> None:
    connection = ask(application, REQUEST[:-1])
    connection.shutdown(socket.SHUT_WR)
    assert received(connection) == b""
