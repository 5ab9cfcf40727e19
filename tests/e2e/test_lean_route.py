"""A plain request gets around FastAPI's preparations; its reply is the one that FastAPI gives."""

from typing import Any

import httpx
import pytest

from embedded.selection import Choice
from tests.e2e.questions import NORMAN

BY_FASTAPI = {"x-request-timeout-ms": "30000"}  # a request with this header is not plain
TASK = {"inputs": NORMAN}

BODIES: dict[str, tuple[str, Any]] = {
    "a question": ("/answer", NORMAN),
    "a question with options": ("/answer", {**NORMAN, "top_k": 3, "return_context": 5}),
    "a question without an answer": (
        "/answer",
        {"question": "Why?", "context": "é.", "handle_impossible_answer": True, "top_k": 9},
    ),
    "questions": ("/answers", {"pairs": [NORMAN, {"question": ""}]}),
    "a task": ("/", TASK),
    "a task with several answers": ("/", {**TASK, "parameters": {"top_k": 2}}),
    "a task of a named model": ("/models/{model}", TASK),
    "a faulty question": ("/answer", {**NORMAN, "top_k": 0}),
    "an unknown model": ("/models/nobody", TASK),
}


@pytest.mark.parametrize("name", BODIES)
def test_both_ways_give_the_same_reply(client: httpx.Client, choice: Choice, name: str) -> None:
    path, body = BODIES[name]
    path = path.format(model=choice.model)
    plain = client.post(path, json=body)
    by_fastapi = client.post(path, json=body, headers=BY_FASTAPI)
    assert plain.content == by_fastapi.content
    assert plain.status_code == by_fastapi.status_code
    assert steady(plain) == steady(by_fastapi)


def steady(reply: httpx.Response) -> dict[str, str]:
    own = ("date", "x-request-id", "server-timing")
    return {name: value for name, value in reply.headers.items() if name not in own}


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_other_names_of_json(client: httpx.Client, media_type: str) -> None:
    reply = client.post("/answer", json=NORMAN, headers={"content-type": media_type})
    assert reply.json()["answer"] == "William the Conqueror"
