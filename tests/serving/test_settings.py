"""Which variables and lines of a file are settings, and what is refused by name."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from serving.settings import Settings

# as Kubernetes announces a Service called electra-qa, and one called electra-qa-triton-http
ANNOUNCED = {
    "ELECTRA_QA_SERVICE_HOST": "10.0.0.1",
    "ELECTRA_QA_SERVICE_PORT": "80",
    "ELECTRA_QA_SERVICE_PORT_HTTP": "80",
    "ELECTRA_QA_PORT": "tcp://10.0.0.1:80",
    "ELECTRA_QA_PORT_80_TCP": "tcp://10.0.0.1:80",
    "ELECTRA_QA_PORT_80_TCP_PROTO": "tcp",
    "ELECTRA_QA_PORT_80_TCP_PORT": "80",
    "ELECTRA_QA_PORT_80_TCP_ADDR": "10.0.0.1",
    "ELECTRA_QA_TRITON_HTTP_SERVICE_HOST": "10.0.0.2",
    "ELECTRA_QA_TRITON_HTTP_PORT": "udp://10.0.0.2:80",
}


@pytest.fixture(autouse=True)
def _of_no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what ``--triton`` sets for gateways."""
    for name in ("ELECTRA_QA_TRITON_URL", "ELECTRA_QA_MODEL"):
        monkeypatch.delenv(name, raising=False)


def read(*arguments: str) -> Settings:
    return CliApp.run(Settings, list(arguments))


def test_a_variable_with_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELECTRA_QA_PORT", "8081")
    assert read().port == 8081
    assert read("--port", "8082").port == 8082


@pytest.mark.parametrize("name", ["PORT", "TRITON_HTTP_PORT", "MODEL", "API_KEYS"])
def test_a_variable_without_it_is_not_ours(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unset = read()
    monkeypatch.setenv(name, "one")
    assert read() == unset


def test_kubernetes_announcements_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    unset = read()
    for name, value in ANNOUNCED.items():
        monkeypatch.setenv(name, value)
    assert read() == unset


@pytest.mark.parametrize("name", ["ELECTRA_QA_PROT", "ELECTRA_QA_API_KEY", "electra_qa_prot"])
def test_a_misspelt_variable_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "s3cret")
    with pytest.raises(SettingsError, match=f"^{name.upper()} in the environment: ") as refused:
        read()
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("name", ["PORT", "ELECTRA_QA_PROT", "ELECTRA_QA_SERVICE_HOST"])
def test_a_line_that_is_no_setting_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings"
    file.write_text(f"ELECTRA_QA_PORT=8081\n{name}=\n")
    monkeypatch.setenv("ELECTRA_QA_SETTINGS_FILE", str(file))
    with pytest.raises(SettingsError, match=f"^{name} in {file}: "):
        read()


def test_a_line_of_a_file_goes_under_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings"
    file.write_text("ELECTRA_QA_PORT=8081\nELECTRA_QA_WORKERS=2\n")
    monkeypatch.setenv("ELECTRA_QA_SETTINGS_FILE", str(file))
    monkeypatch.setenv("ELECTRA_QA_PORT", "8082")
    assert (read().port, read().workers) == (8082, 2)


@pytest.mark.parametrize("host", ["127.0.0.2", "::1", "::"])
def test_an_address_of_triton(host: str) -> None:
    assert str(read("--triton-host", host).triton_host) == host


@pytest.mark.parametrize("host", ["localhost", "[::1]", "127.0.0.1:8001", ""])
def test_what_triton_cannot_listen_on(host: str) -> None:
    with pytest.raises(ValidationError, match="not a valid IPv4 or IPv6 address"):
        read(f"--triton-host={host}")


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_the_gateway_at_an_ipv6_address(host: str) -> None:
    assert read(f"--host={host}").host == "::1"
