"""Requests whose head does not come, and connections beyond the bound."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http.client import HTTPResponse

import httpx
import pytest

from tests.e2e.stack import wait_for
from tests.serving.server import gateway


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.fixture(scope="module")
def impatient() -> Iterator[int]:
    """The port of a gateway that waits a second for a head."""
    with gateway(head_seconds=1) as url:
        yield port_of(url)


def drip(connection: socket.socket) -> None:
    """Send a head over ten times the time that it has."""
    for letter in b"GET /health/live HTTP/1.1\r\nx: " + b"y" * 200:
        connection.sendall(bytes([letter]))
        time.sleep(0.05)


@pytest.mark.parametrize("first", [b"", b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(impatient: int, first: bytes) -> None:
    """At once or after a request, and however steadily a little of it comes."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", impatient), timeout=60) as connection:
        connection.sendall(first)
        if first:
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            drip(connection)
    assert time.monotonic() - started > 1


def lives(client: httpx.Client) -> bool:
    return client.get("/health/live").status_code == 200


def test_connections_beyond_the_bound_are_refused() -> None:
    """Whether they ask or not; the others are served as before, and room comes back."""
    with ExitStack() as opened:
        url = opened.enter_context(gateway(max_connections=3))
        first, second, third, fourth = [
            opened.enter_context(httpx.Client(base_url=url, timeout=60)) for _ in range(4)
        ]
        for each in (first, second, third):
            wait_for(partial(lives, each))
        reason = 'electra_qa_rejections_total{reason="too_many_connections"} '
        earlier = float(first.get("/metrics").text.partition(reason)[2].partition("\n")[0] or 0)
        for asked in (b"", b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port_of(url)), timeout=60) as beyond:
                beyond.sendall(asked)
                reply = HTTPResponse(beyond)
                reply.begin()
                assert (reply.status, reply.getheader("retry-after")) == (503, "1")
                assert json.load(reply)["error"] == {
                    "type": "too_many_connections",
                    "message": "3 connections are open, the most allowed; try again shortly",
                }
        assert not lives(fourth)
        assert lives(first)
        assert lives(second)
        assert lives(third)
        assert f"{reason}{earlier + 3}" in first.get("/metrics").text
        third.close()
        wait_for(partial(lives, fourth))
