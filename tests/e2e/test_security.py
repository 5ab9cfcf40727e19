"""Keys, certificates, and settings from a file."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.certificate import self_signed
from tests.e2e.questions import NORMAN, ask
from tests.e2e.stack import Stack, listens, running, start, triton_of, wait_for
from tests.e2e.test_lifecycle import refused
from tests.serving.test_keys import WRONG, bearing

SETTINGS = """
ELECTRA_QA_API_KEYS=first-key, second-key
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


@pytest.mark.parametrize("key", WRONG)
def test_a_probe_needs_no_key_and_no_log_has_one(guarded: Stack, key: str) -> None:
    with httpx.Client(base_url=guarded.url, headers=bearing(key), timeout=60) as client:
        assert client.get("/health/ready").status_code == 200
        refused = client.post("/answer", json=NORMAN)
        assert (refused.status_code, refused.json()["error"]["type"]) == (401, "unauthorized")
    assert "first-key" not in guarded.log.read_text()


def test_fewer_pairs_may_be_allowed(guarded: Stack) -> None:
    headers = {"authorization": "Bearer first-key"}
    url, pairs = f"{guarded.url}/answers", [NORMAN] * 4
    allowed = httpx.post(url, json={"pairs": pairs[:3]}, headers=headers, timeout=60)
    refused = httpx.post(url, json={"pairs": pairs}, headers=headers)
    assert (allowed.status_code, refused.status_code) == (200, 422)
    assert refused.json()["error"]["message"] == "pairs: there are 4; at most 3 are allowed"


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
        assert ask(stack).status_code == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1")


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
    assert said == "error: give both ELECTRA_QA_TLS_CERT and ELECTRA_QA_TLS_KEY, or neither\n"
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
