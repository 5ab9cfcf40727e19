"""Keys, origins, certificates, and settings from a file."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import Stack, running, start
from tests.e2e.test_answer import NORMAN
from tests.e2e.test_lifecycle import refused

SETTINGS = """
API_KEYS=first-key, second-key
CORS_ORIGINS=https://page.example
BODY_SECONDS=0.5
HEAD_SECONDS=1
MAX_PAIRS=3
"""


@pytest.fixture(scope="module")
def guarded(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("guarded")
    file = folder / "settings"
    file.write_text(SETTINGS)
    with running(repository, folder, SETTINGS_FILE=str(file)) as stack:
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


def test_triton_listens_where_it_is_told(guarded: Stack, repository: Path, tmp_path: Path) -> None:
    def reached(stack: Stack, host: str) -> list[bool]:
        found = []
        for port in stack.ports[1:]:
            with socket.socket() as probe:
                found.append(probe.connect_ex((host, port)) == 0)
        return found

    assert reached(guarded, "127.0.0.1") == [True] * 3
    assert reached(guarded, "127.0.0.2") == [False] * 3
    with running(repository, tmp_path, TRITON_HOST="127.0.0.2") as stack:
        assert reached(stack, "127.0.0.2") == [True] * 3
        assert reached(stack, "127.0.0.1") == [False] * 3


def test_a_body_that_does_not_come_is_408(guarded: Stack) -> None:
    def slowly() -> Iterator[bytes]:
        yield b'{"question":'
        time.sleep(1)
        yield b'"too late"}'

    headers = {"authorization": "Bearer first-key", "content-type": "application/json"}
    slow = httpx.post(f"{guarded.url}/answer", content=slowly(), headers=headers)
    assert (slow.status_code, slow.json()["error"]["type"]) == (408, "slow_body")


@pytest.mark.parametrize("first", [b"", b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(guarded: Stack, first: bytes) -> None:
    """At once or after a request, and however steadily a little of it comes."""
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=10) as connection:
        connection.sendall(first)
        if first:
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200")
        started = time.monotonic()
        with suppress(BrokenPipeError, ConnectionResetError):
            for letter in b"GET /health/live HTTP/1.1\r\nx: " + b"y" * 200:
                connection.sendall(bytes([letter]))
                time.sleep(0.05)
        assert 0.5 < time.monotonic() - started < 5


def test_metrics_may_be_open(repository: Path, tmp_path: Path) -> None:
    with running(repository, tmp_path, API_KEYS="key", METRICS_OPEN="true") as stack:
        assert httpx.get(f"{stack.url}/metrics").status_code == 200
        assert httpx.get(f"{stack.url}/info").status_code == 401


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


def test_https(repository: Path, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = certificate
    trusting = ssl.create_default_context(cafile=str(cert))
    stack = start(repository, tmp_path, TLS_CERT=str(cert), TLS_KEY=str(key))
    try:
        with httpx.Client(verify=trusting, timeout=60) as client:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                assert stack.process.poll() is None, stack.log.read_text()
                try:
                    reply = client.post(f"https://127.0.0.1:{stack.port}/answer", json=NORMAN)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
        assert reply.json()["answer"] == "William the Conqueror"
        assert f"https://127.0.0.1:{stack.port}" in stack.log.read_text()
    finally:
        assert stack.stop() == 0


def test_half_a_certificate(
    repository: Path, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, _ = certificate
    said = refused(start(repository, tmp_path, TLS_CERT=str(cert)))
    assert said == "error: Value error, TLS_CERT and TLS_KEY are needed both, or neither\n"
    said = refused(start(repository, tmp_path, TLS_CERT="none.pem", TLS_KEY="none.pem"))
    assert said.startswith("error: TLS_CERT='none.pem': ")
    said = refused(start(repository, tmp_path, TLS_CERT=str(cert), TLS_KEY=str(cert)))
    assert "error: TLS_CERT or TLS_KEY cannot be used: " in said


def test_a_settings_file_that_is_not_there(repository: Path, tmp_path: Path) -> None:
    said = refused(start(repository, tmp_path, SETTINGS_FILE="none"))
    assert said == "error: SETTINGS_FILE='none': there is no such file\n"
