"""The gateway without a Triton, to test what it refuses by itself."""

from collections.abc import Iterator

import httpx
import pytest

from tests.serving.server import gateway


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a gateway with the default settings."""
    with gateway() as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60) as client:
        yield client
