"""What needs a key, and what does not."""

from collections.abc import Iterator

import httpx
import pytest

from serving.schema import EXAMPLE
from tests.serving.server import gateway

WRONG = ("", "Bearer", "Bearer first", "Basic first-key", "first-key", "Bearer \xe9")


def bearing(key: str) -> httpx.Headers:
    """The headers with ``key``, unchanged; without the header if it is empty."""
    return httpx.Headers({"authorization": key} if key else {}, encoding="latin-1")


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    with gateway(api_keys="first-key, second-key") as url:
        yield url


@pytest.mark.parametrize("key", WRONG)
def test_without_a_key_nothing_is_told(guarded: str, key: str) -> None:
    with httpx.Client(base_url=guarded, headers=bearing(key), timeout=60) as client:
        for closed in (
            client.post("/answer", json=EXAMPLE),
            client.post("/answers", json={}),
            client.post("/", json={}),
            client.post("/models/x", json={}),
            client.get("/metrics"),
            client.get("/info"),
            client.get("/nothing"),
        ):
            assert (closed.status_code, closed.json()["error"]["type"]) == (401, "unauthorized")
            assert closed.headers["www-authenticate"] == "Bearer"
        for path in ("/health/live", "/docs", "/openapi.json"):
            assert client.get(path).status_code == 200


def test_metrics_may_be_open() -> None:
    with gateway(api_keys="key", metrics_open=True) as url:
        assert httpx.get(f"{url}/metrics", timeout=60).status_code == 200
        assert httpx.get(f"{url}/info", timeout=60).status_code == 401
