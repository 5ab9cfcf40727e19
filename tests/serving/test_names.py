import asyncio

import pytest

from serving.names import Place, parse_place, resolve


@pytest.mark.parametrize(
    ("text", "host", "port", "is_address"),
    [
        ("triton", "triton", 8001, False),
        ("triton-0.triton.default.svc:80", "triton-0.triton.default.svc", 80, False),
        ("127.0.0.1:9001", "127.0.0.1", 9001, True),
        ("[::1]:9001", "::1", 9001, True),
        ("[fd00::2]", "fd00::2", 8001, True),
    ],
)
def test_places(text: str, host: str, port: int, is_address: bool) -> None:
    place = parse_place(text)
    assert place == Place(host, port)
    assert place.is_address == is_address
    assert parse_place(str(place)) == place


@pytest.mark.parametrize(
    "text",
    ["", ":8001", "triton:", "triton:port", "triton:0", "triton:70000", "http://triton", "::1"],
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="is not host:port, such as triton:8001"):
        parse_place(text)


def test_a_real_name() -> None:
    assert Place("127.0.0.1", 8001) in asyncio.run(resolve(Place("localhost", 8001)))


@pytest.mark.parametrize("host", ["nothing.invalid", "a..b", "x" * 70])
def test_a_name_that_there_is_not(host: str) -> None:
    with pytest.raises(OSError, match=r"."):
        asyncio.run(resolve(Place(host, 8001)))
