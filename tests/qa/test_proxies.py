"""Which addresses are this machine's, so that no proxy is asked for them."""

import pytest

from qa.proxies import (
    excepting_this_machine,
    goes_by_proxy,
    grpc_options,
    is_direct,
    is_this_machine,
    without_proxies,
)


@pytest.mark.parametrize(
    "address",
    [
        *("localhost:8001", "LOCALHOST.:8001", "gateway.localhost:8080", "127.0.0.1:8001"),
        *("127.9.9.9", "[::1]:8001", "[::ffff:127.0.0.1]:8001", "0.0.0.0:8001"),
        *("http://localhost", "https://user:word@127.0.0.1:8080/path", "http://[::1]:8080"),
        *("dns:///localhost:8001", "dns://9.9.9.9/localhost:8001", "ipv4:127.0.0.1:8001"),
        "ipv6:[::1]:8001",
    ],
)
def test_this_machine(address: str) -> None:
    assert is_this_machine(address)
    assert grpc_options(address) == [("grpc.enable_http_proxy", 0)]


@pytest.mark.parametrize(
    "address",
    [
        *("triton:8001", "10.0.0.1:8001", "[2001:db8::1]:8001", "localhost.example:8001"),
        *("127.0.0.1.example:80", "http://example.org/localhost", "http://127.0.0.1@example.org"),
        *("dns:///triton:8001", "", "[::1"),
    ],
)
def test_another_machine(address: str) -> None:
    assert not is_this_machine(address)
    assert grpc_options(address) == []


@pytest.mark.parametrize(
    ("name", "direct"), [("triton.prod.svc:8001", True), ("other:8001", False)]
)
def test_an_address_is_excepted_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, direct: bool
) -> None:
    monkeypatch.setenv("no_proxy", ".svc,localhost")
    assert bool(grpc_options("10.0.0.1:8001", name)) == direct
    assert is_direct(name) == is_direct(f"http://{name}/v1/traces") == direct


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_what_was_excepted_stays_so(name: str) -> None:
    excepted = excepting_this_machine({name: "intranet.example, 127.0.0.1"})
    assert set(excepted) == {"no_proxy", "NO_PROXY"}
    assert set(excepted.values()) == {"intranet.example,127.0.0.1,localhost,::1"}


def test_an_environment_less_its_proxies() -> None:
    given = {"http_proxy": "a", "HTTPS_PROXY": "b", "all_proxy": "c", "no_proxy": "d", "PATH": "e"}
    assert without_proxies(given) == {"no_proxy": "d", "PATH": "e"}


def test_a_name_goes_by_the_proxy_unless_it_is_excepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("grpc_proxy", "https_proxy", "http_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert not goes_by_proxy("triton.example")
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert goes_by_proxy("triton.example")
    assert not goes_by_proxy("localhost")
    monkeypatch.setenv("no_proxy", "triton.example")
    assert not goes_by_proxy("triton.example")
