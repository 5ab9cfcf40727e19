"""Bodies that are too large, too slow, or compressed: the application never sees them."""

import gzip
import json
from http.client import HTTPConnection

import httpx
import pytest

from tests.serving.server import gateway
from tests.serving.test_bad_input import JSON


def test_a_body_without_a_length_is_held_to_the_limit(client: httpx.Client) -> None:
    chunks = (b"x" * 100_000 for _ in range(20))
    response = client.post("/answer", content=chunks, headers=JSON)
    assert (response.status_code, response.json()["error"]["type"]) == (413, "too_large")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "identity, gzip", "zstd", "x"])
@pytest.mark.parametrize("route", ["/answer", "/answers", "/"])
def test_a_compressed_body_is_not_unpacked(client: httpx.Client, route: str, encoding: str) -> None:
    """A bomb stays as small as it came: 10 kB that would become 10 MB."""
    bomb = gzip.compress(b" " * 10_000_000)
    headers = {"content-type": "application/json", "content-encoding": encoding}
    refused = client.post(route, content=bomb, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (
        415,
        {
            "type": "unsupported_media_type",
            "message": f"content-encoding is '{encoding}'; send the body as it is, without an "
            "encoding",
        },
    )
    assert refused.headers["accept-encoding"] == "identity"


def test_a_body_that_does_not_come_is_408() -> None:
    with gateway(api_keys="key", body_seconds=0.5) as url:
        slow = HTTPConnection(url.removeprefix("http://"), timeout=60)
        slow.putrequest("POST", "/answer")
        slow.putheader("authorization", "Bearer key")
        slow.putheader("content-length", "100")
        slow.endheaders(b'{"question":')
        reply = slow.getresponse()
        assert (reply.status, json.load(reply)["error"]["type"]) == (408, "slow_body")
        slow.close()
