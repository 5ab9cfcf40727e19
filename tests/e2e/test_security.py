"""Keys, origins, certificates, and settings from a file."""

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import Stack, listens, running, start, triton_of, wait_for
from tests.e2e.test_answer import NORMAN
from tests.e2e.test_lifecycle import refused

SETTINGS = """
ELECTRA_QA_API_KEYS=first-key, second-key
ELECTRA_QA_CORS_ORIGINS=https://page.example
ELECTRA_QA_BODY_SECONDS=0.5
ELECTRA_QA_HEAD_SECONDS=1
ELECTRA_QA_MAX_PAIRS=3
"""


@pytest.fixture(scope="module")
def guarded(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("guarded")
    file = folder / "settings"
    file.write_text(SETTINGS)
    with running(repository, folder, ELECTRA_QA_SETTINGS_FILE=str(file)) as stack:
        yield stack


@pytest.mark.parametrize("key", ["Bearer first-key", "bearer second-key", "Bearer  second-key"])
def test_every_key_opens(guarded: Stack, key: str) -> None:
    with httpx.Client(base_url=guarded.url, headers={"authorization": key}, timeout=60) as client:
        assert client.post("/answer", json=NORMAN).status_code == 200
        assert client.get("/info").status_code == client.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    "key", ["", "Bearer", "Bearer first", "Basic first-key", "first-key", "Bearer \xe9"]
)
def test_nothing_else_does(guarded: Stack, key: str) -> None:
    headers = httpx.Headers({"authorization": key} if key else {}, encoding="latin-1")
    with httpx.Client(base_url=guarded.url, headers=headers) as client:
        for closed in (
            client.post("/answer", json=NORMAN),
            client.post("/answers", json={}),
            client.post("/", json={}),
            client.post("/models/x", json={}),
            client.get("/metrics"),
            client.get("/info"),
            client.get("/nothing"),
        ):
            assert (closed.status_code, closed.json()["error"]["type"]) == (401, "unauthorized")
            assert closed.headers["www-authenticate"] == "Bearer"
        for path in ("/health/live", "/health/ready", "/docs", "/openapi.json"):
            assert client.get(path).status_code == 200
    assert "first-key" not in guarded.log.read_text()


def test_only_the_origins_that_were_named_may_ask(guarded: Stack, client: httpx.Client) -> None:
    preflight = {"access-control-request-method": "POST", "origin": "https://page.example"}
    allowed = httpx.options(f"{guarded.url}/answer", headers=preflight)
    assert allowed.headers["access-control-allow-origin"] == "https://page.example"
    other = {**preflight, "origin": "https://other.example"}
    assert "access-control-allow-origin" not in (
        httpx.options(f"{guarded.url}/answer", headers=other).headers
    )
    assert "access-control-allow-origin" not in client.options("/answer", headers=preflight).headers


def test_fewer_pairs_may_be_allowed(guarded: Stack) -> None:
    headers = {"authorization": "Bearer first-key"}
    url, pairs = f"{guarded.url}/answers", [NORMAN] * 4
    allowed = httpx.post(url, json={"pairs": pairs[:3]}, headers=headers, timeout=60)
    refused = httpx.post(url, json={"pairs": pairs}, headers=headers)
    assert (allowed.status_code, refused.status_code) == (200, 422)
    assert refused.json()["error"]["message"] == "pairs: 4 of them; at most 3 are allowed"


def has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@pytest.mark.embedded
def test_triton_listens_where_it_is_told(guarded: Stack, repository: Path, tmp_path: Path) -> None:
    def reached(stack: Stack, host: str) -> list[bool]:
        found = []
        for port in stack.ports[1:]:
            with socket.socket() as probe:
                found.append(probe.connect_ex((host, port)) == 0)
        return found

    assert reached(guarded, "127.0.0.1") == [True] * 3
    assert reached(guarded, "127.0.0.2") == [False] * 3
    with running(repository, tmp_path, ELECTRA_QA_TRITON_HOST="127.0.0.2") as stack:
        assert reached(stack, "127.0.0.2") == [True] * 3
        assert reached(stack, "127.0.0.1") == [False] * 3


@pytest.mark.embedded
@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_triton_at_an_ipv6_address(repository: Path, tmp_path: Path) -> None:
    with running(repository, tmp_path, ELECTRA_QA_TRITON_HOST="::1") as stack:
        for port in stack.ports[1:]:
            socket.create_connection(("::1", port), timeout=60).close()
        assert httpx.post(f"{stack.url}/answer", json=NORMAN, timeout=60).status_code == 200


def test_a_body_that_does_not_come_is_408(guarded: Stack) -> None:
    slow = HTTPConnection("127.0.0.1", guarded.port, timeout=60)
    slow.putrequest("POST", "/answer")
    slow.putheader("authorization", "Bearer first-key")
    slow.putheader("content-length", "100")
    slow.endheaders(b'{"question":')
    reply = slow.getresponse()
    assert (reply.status, json.load(reply)["error"]["type"]) == (408, "slow_body")
    slow.close()


def drip(connection: socket.socket) -> None:
    """Send a head that takes ten times as long as it has."""
    for letter in b"GET /health/live HTTP/1.1\r\nx: " + b"y" * 200:
        connection.sendall(bytes([letter]))
        time.sleep(0.05)


@pytest.mark.parametrize("first", [b"", b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(guarded: Stack, first: bytes) -> None:
    """At once or after a request, and however steadily a little of it comes."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=60) as connection:
        connection.sendall(first)
        if first:
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            drip(connection)
    assert time.monotonic() - started > 1


def lives(client: httpx.Client) -> bool:
    return client.get("/health/live").status_code == 200


def test_connections_beyond_the_bound_are_refused(
    repository: Path, stack: Stack, tmp_path: Path
) -> None:
    """Whether they ask or not; the others are served as before, and room comes back."""
    settings = {"ELECTRA_QA_MAX_CONNECTIONS": "3", **triton_of(stack)}
    with ExitStack() as opened:
        bounded = opened.enter_context(running(repository, tmp_path, **settings))
        first, second, third, fourth = [
            opened.enter_context(httpx.Client(base_url=bounded.url, timeout=60)) for _ in range(4)
        ]
        for each in (first, second, third):  # the start's own connections may yet be there
            wait_for(partial(lives, each))
        reason = 'electra_qa_rejections_total{reason="too_many_connections"} '
        earlier = float(first.get("/metrics").text.partition(reason)[2].partition("\n")[0] or 0)
        for asked in (b"", b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", bounded.port), timeout=60) as beyond:
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


def test_metrics_may_be_open(repository: Path, stack: Stack, tmp_path: Path) -> None:
    settings = {"ELECTRA_QA_API_KEYS": "key", "ELECTRA_QA_METRICS_OPEN": "true", **triton_of(stack)}
    with running(repository, tmp_path, **settings) as opened:
        assert httpx.get(f"{opened.url}/metrics").status_code == 200
        assert httpx.get(f"{opened.url}/info").status_code == 401


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-days", "1", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


def test_https(
    repository: Path, stack: Stack, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, key = certificate
    trusting = ssl.create_default_context(cafile=str(cert))
    settings = {"ELECTRA_QA_TLS_CERT": str(cert), "ELECTRA_QA_TLS_KEY": str(key)}
    secure = start(repository, tmp_path, **settings, **triton_of(stack))
    try:
        with httpx.Client(verify=trusting, timeout=60) as client:
            wait_for(lambda: listens(secure.port))
            reply = client.post(f"https://127.0.0.1:{secure.port}/answer", json=NORMAN)
        assert reply.json()["answer"] == "William the Conqueror"
        assert f"https://127.0.0.1:{secure.port}" in secure.log.read_text()
    finally:
        assert secure.stop() == 0


def test_half_a_certificate(
    repository: Path, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, _ = certificate
    said = refused(start(repository, tmp_path, ELECTRA_QA_TLS_CERT=str(cert)))
    assert said == "error: ELECTRA_QA_TLS_CERT and ELECTRA_QA_TLS_KEY are needed both, or neither\n"
    said = refused(
        start(repository, tmp_path, ELECTRA_QA_TLS_CERT="none.pem", ELECTRA_QA_TLS_KEY="none.pem")
    )
    assert said.startswith("error: ELECTRA_QA_TLS_CERT='none.pem': ")
    said = refused(
        start(repository, tmp_path, ELECTRA_QA_TLS_CERT=str(cert), ELECTRA_QA_TLS_KEY=str(cert))
    )
    assert "error: ELECTRA_QA_TLS_CERT or ELECTRA_QA_TLS_KEY cannot be used: " in said


def test_a_settings_file_that_is_not_there(repository: Path, tmp_path: Path) -> None:
    said = refused(start(repository, tmp_path, ELECTRA_QA_SETTINGS_FILE="none"))
    assert said == "error: ELECTRA_QA_SETTINGS_FILE='none': there is no such file\n"
