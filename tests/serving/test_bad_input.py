"""What the gateway refuses by itself: each kind has its status and the one error body."""

import json
from typing import Any

import httpx
import pytest

from serving.schema import EXAMPLE

JSON = {"content-type": "application/json"}


def with_changes(**changes: Any) -> str:
    return json.dumps({**EXAMPLE, **changes})


def without(field: str) -> str:
    return json.dumps({name: value for name, value in EXAMPLE.items() if name != field})


CASES: dict[str, tuple[str | bytes, int, str, str]] = {
    "not JSON": ("{", 400, "invalid_json", "not JSON"),
    "empty body": ("", 422, "invalid_request", "required"),
    "not UTF-8": (b'{"question": "\xff"}', 400, "invalid_json", "not JSON"),
    "nested too deep": ("[" * 100_000, 400, "invalid_json", "not JSON"),
    "an enormous number": ('{"top_k": ' + "9" * 10_000 + "}", 400, "invalid_json", "not JSON"),
    "a list": ("[1]", 422, "invalid_request", "object"),
    "question of the wrong type": (with_changes(question=3), 422, "invalid_request", "question"),
    "context of the wrong type": (with_changes(context=[]), 422, "invalid_request", "context"),
    "top_k of the wrong type": (with_changes(top_k="1"), 422, "invalid_request", "top_k"),
    "top_k true": (with_changes(top_k=True), 422, "invalid_request", "top_k"),
    "top_k NaN": (with_changes(top_k=float("nan")), 422, "invalid_request", "top_k"),
    "no question": (without("question"), 422, "invalid_request", "question: Field required"),
    "no context": (without("context"), 422, "invalid_request", "context: Field required"),
    "empty question": (with_changes(question=""), 422, "invalid_request", "question"),
    "empty context": (with_changes(context=""), 422, "invalid_request", "context"),
    "white space only": (with_changes(context=" \t\n\u3000"), 422, "invalid_request", "context"),
    "a question of 10,000 characters": (
        with_changes(question="q" * 10_000),
        413,
        "too_large",
        "question has 10000 characters; at most 2000",
    ),
    "a context of 1 MB": (with_changes(context="c " * 500_000), 413, "too_large", "bytes"),
    "a context of 300,000 characters": (
        with_changes(context="c " * 150_000),
        413,
        "too_large",
        "context has 300000 characters; at most 250000",
    ),
    "a lone surrogate in the context": (
        '{"question": "q", "context": "a \\ud800 b"}',
        422,
        "invalid_request",
        "context: must not hold lone surrogates",
    ),
    "a lone surrogate in the question": (
        '{"question": "\\udfff", "context": "c"}',
        422,
        "invalid_request",
        "question",
    ),
    "a NUL character": (with_changes(context="a\0b"), 422, "invalid_request", "NUL"),
    "a NUL question": (with_changes(question="a\0b"), 422, "invalid_request", "NUL"),
    "top_k 0": (with_changes(top_k=0), 422, "invalid_request", "top_k"),
    "top_k 10^9": (with_changes(top_k=10**9), 422, "invalid_request", "top_k"),
    "doc_stride 0": (with_changes(doc_stride=0), 422, "invalid_request", "doc_stride"),
    "max_answer_len 0": (with_changes(max_answer_len=0), 422, "invalid_request", "max_answer_len"),
    "an unknown field": (with_changes(topk=3), 422, "invalid_request", "topk: unknown field"),
    "an unknown field that is a lone surrogate": (
        '{"question": "q", "context": "c", "\\ud800": 1}',
        422,
        "invalid_request",
        "unable to parse",
    ),
}


def check(
    client: httpx.Client, content: str | bytes, status: int, error_type: str, message: str
) -> None:
    response = client.post("/answer", content=content, headers=JSON)
    assert (response.status_code, response.json()["error"]["type"]) == (status, error_type)
    assert set(response.json()) == {"error"}
    assert message in response.json()["error"]["message"]
    assert len(response.text) < 1000  # the request is not sent back


@pytest.mark.parametrize("case", CASES)
def test_bad_input(client: httpx.Client, case: str) -> None:
    check(client, *CASES[case])


@pytest.mark.parametrize("pairs", [[EXAMPLE] * 129, [], None], ids=["129", "0", "null"])
def test_pairs_that_are_none_or_too_many(client: httpx.Client, pairs: object) -> None:
    refused = client.post("/answers", json={"pairs": pairs})
    assert (refused.status_code, refused.json()["error"]["type"]) == (422, "invalid_request")


def test_a_body_that_is_not_declared_as_json(client: httpx.Client) -> None:
    response = client.post("/answer", data=EXAMPLE)
    assert response.status_code == 415
    assert response.json()["error"] == {
        "type": "unsupported_media_type",
        "message": "content-type is 'application/x-www-form-urlencoded'; send application/json",
    }


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/answer", 405)])
def test_unknown_routes_have_the_same_body(client: httpx.Client, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"type", "message"}


def test_a_sound_question_finds_no_triton(client: httpx.Client) -> None:
    """So the requests above were refused for what is wrong with them."""
    response = client.post("/answer", json=EXAMPLE)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["error"]["type"] == "unavailable"
