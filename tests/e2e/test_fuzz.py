"""The gateway is sent what schemathesis makes of its OpenAPI document, and raw bytes."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import ROOT
from tests.e2e.questions import NORMAN
from tests.e2e.stack import Stack

schema = schemathesis.openapi.from_path(ROOT / "docs" / "openapi.json")


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_no_undeclared_reply(case: schemathesis.Case[Any], stack: Stack) -> None:
    response = case.call(base_url=stack.url)
    assert response.status_code != 500
    case.validate_response(
        response,
        checks=[status_code_conformance, content_type_conformance, response_schema_conformance],
    )


HEAD = (
    b"POST /answer HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
)
BODY = json.dumps(NORMAN).encode()
LENGTH = b"content-length: %d\r\n\r\n" % len(BODY)
RAW = {
    "a body that ends too soon": HEAD + LENGTH + BODY[:20],
    "a head that ends too soon": HEAD,
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50,
    "a head without end": b"GET / HTTP/1.1\r\nx: " + b"a" * 1_000_000,
    "a length that is no number": HEAD + b"content-length: many\r\n\r\n" + BODY,
    "a negative length": HEAD + b"content-length: -5\r\n\r\n" + BODY,
    "a chunk without a size": HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n" + BODY,
}


def replies(stack: Stack, sent: bytes) -> Iterator[bytes]:
    """What the gateway replies to raw bytes, after which the client sends no more."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=30) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(65536):
                yield received
        except (BrokenPipeError, ConnectionResetError):
            return


@pytest.mark.parametrize("case", RAW)
def test_raw_bytes_get_no_answer_and_do_no_harm(
    stack: Stack, client: httpx.Client, case: str
) -> None:
    reply = b"".join(replies(stack, RAW[case]))
    assert reply == b"" or reply.startswith(b"HTTP/1.1 4"), reply[:200]
    assert client.post("/answer", json=NORMAN).json()["answer"] == "William the Conqueror"
    assert "electra_qa_windows_in_flight 0.0" in client.get("/metrics").text


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
def test_a_body_that_is_said_to_be_plain_is_read(client: httpx.Client, encoding: str) -> None:
    reply = client.post("/answer", json=NORMAN, headers={"content-encoding": encoding})
    assert reply.json()["answer"] == "William the Conqueror"


def test_a_malformed_head_gets_the_plain_text_that_is_documented(stack: Stack) -> None:
    head, _, body = b"".join(replies(stack, RAW["not HTTP"])).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: text/plain" in head
    assert body == b"Invalid HTTP request received."
    assert body.decode() in (ROOT / "docs" / "answering.md").read_text()
