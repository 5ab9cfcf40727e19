"""A client that ends its side of the connection after its request, and one that is gone."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

import pytest

from tests.e2e.stack import Stack, paused, wait_for, windows_in_flight
from tests.e2e.test_answer import NORMAN

BODY = json.dumps(NORMAN).encode()
REQUEST = (
    b"POST /answer HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


@contextmanager
def asked(stack: Stack, sent: bytes = REQUEST) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", stack.port), timeout=60) as connection:
        connection.sendall(sent)
        yield connection


def read(connection: socket.socket) -> str:
    """Read the one reply of a connection, after which the server closes it."""
    response = HTTPResponse(connection)
    response.begin()
    assert response.status == 200
    assert response.headers["connection"] == "close"
    answer = json.loads(response.read())["answer"]
    assert connection.recv(1) == b""
    assert isinstance(answer, str)
    return answer


def test_a_client_that_sends_no_more_gets_its_reply(stack: Stack) -> None:
    with asked(stack) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert read(connection) == "William the Conqueror"


@pytest.mark.parametrize("seconds", [0.1, 0.4, 3])
def test_a_reply_that_takes_long_is_whole(stack: Stack, seconds: float) -> None:
    """Whatever was sent ahead of it."""
    with asked(stack) as connection:
        with paused(stack):
            wait_for(lambda: windows_in_flight(stack) == 1)
            connection.shutdown(socket.SHUT_WR)
            time.sleep(seconds)
        assert read(connection) == "William the Conqueror"
    wait_for(lambda: windows_in_flight(stack) == 0)


def test_two_requests_of_one_connection_both_get_their_reply(stack: Stack) -> None:
    with asked(stack, REQUEST * 2) as connection:
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert received.count(b"William the Conqueror") == 2


@pytest.mark.parametrize("half_closed_first", [False, True])
def test_a_client_that_is_gone_is_noticed(stack: Stack, half_closed_first: bool) -> None:
    with paused(stack):
        with asked(stack) as connection:
            wait_for(lambda: windows_in_flight(stack) == 1)
            if half_closed_first:
                connection.shutdown(socket.SHUT_WR)
                time.sleep(0.3)
        # it cannot have been answered, as the model stands still
        wait_for(lambda: windows_in_flight(stack) == 0, seconds=5)


def test_a_request_that_is_not_whole_ends_with_its_client(stack: Stack) -> None:
    with asked(stack, REQUEST[:-1]) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
