"""A client that closes its side of the connection after its request, and one that disconnects."""

import json
import socket
import time
from http.client import HTTPResponse

import pytest

from tests.e2e.questions import NORMAN
from tests.e2e.stack import Stack, paused, wait_for, windows_in_flight

pytestmark = pytest.mark.embedded  # Triton is paused

BODY = json.dumps(NORMAN).encode()
REQUEST = (
    b"POST /answer HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


def ask(stack: Stack) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", stack.port), timeout=60)
    connection.sendall(REQUEST)
    return connection


def answer(connection: socket.socket) -> object:
    """Read the one reply of a connection, after which the server closes it."""
    with connection, HTTPResponse(connection) as response:
        response.begin()
        assert response.status == 200
        found = json.loads(response.read())["answer"]
        assert connection.recv(1) == b""
    return found


def test_a_client_that_sends_no_more_gets_its_answer(stack: Stack) -> None:
    quick = ask(stack)
    quick.shutdown(socket.SHUT_WR)
    assert answer(quick) == "William the Conqueror"
    with paused(stack):
        slow = ask(stack)
        wait_for(lambda: windows_in_flight(stack) == 1)
        slow.shutdown(socket.SHUT_WR)
        time.sleep(1)  # in which the beginning of the reply is sent ahead
    assert answer(slow) == "William the Conqueror"
    wait_for(lambda: windows_in_flight(stack) == 0)


def test_a_client_that_is_gone_is_noticed(stack: Stack) -> None:
    with paused(stack):
        connection = ask(stack)
        wait_for(lambda: windows_in_flight(stack) == 1)
        connection.close()
        wait_for(lambda: windows_in_flight(stack) == 0)  # not answered: the model stands still
