"""What each option of POST /answer changes, on the float32 model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub import InferenceClient, QuestionAnsweringOutputElement

from tests.e2e.questions import NORMAN
from tests.e2e.stack import Stack, running
from tests.e2e.triton_under_test import served


@pytest.fixture(scope="module")
def exact(exact_stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=exact_stack.url, timeout=60) as client:
        yield client


def ask(client: httpx.Client, **options: Any) -> dict[str, Any]:
    response = client.post("/answer", json={**NORMAN, **options})
    assert response.status_code == 200, response.text
    reply = response.json()
    assert isinstance(reply, dict)
    return reply


def test_the_empty_answer_wins_by_the_threshold(exact: httpx.Client) -> None:
    """Whatever the null score is, some threshold is below it and another above."""
    never = ask(exact, handle_impossible_answer=True, null_threshold=100)
    assert never["answer"] == "William the Conqueror"
    always = ask(exact, handle_impossible_answer=True, null_threshold=-100, top_k=3)
    assert {name: always[name] for name in ("answer", "start", "end")} == {
        "answer": "",
        "start": 0,
        "end": 0,
    }
    assert always["score"] == pytest.approx(1)
    assert always["answers"][1]["answer"] == "William the Conqueror"
    assert ask(exact, null_threshold=-100)["answer"] == "William the Conqueror"


def test_the_surroundings_of_an_answer(exact: httpx.Client) -> None:
    near = ask(exact, return_context=7)
    assert near["surroundings"] == {"before": "led by ", "after": " in 106"}
    all_of_it = ask(exact, return_context=1000, top_k=2)
    for answer in all_of_it["answers"]:
        around = answer["surroundings"]
        assert around["before"] + answer["answer"] + around["after"] == NORMAN["context"]
    assert "surroundings" not in ask(exact)


def test_without_words_an_answer_may_be_a_part_of_one(exact: httpx.Client) -> None:
    context = "antidisestablishmentarian"
    words = ask(exact, context=context, top_k=100)["answers"]
    assert [each["answer"] for each in words] == [context]
    tokens = ask(exact, context=context, top_k=100, align_to_words=False)["answers"]
    assert len(tokens) > 5
    assert len({(each["start"], each["end"]) for each in tokens}) == len(tokens)
    for each in tokens:
        assert context[each["start"] : each["end"]] == each["answer"] != ""


def test_a_shorter_question_is_another_question(exact: httpx.Client) -> None:
    """A question that is cut after its first token is the same as that token sent alone."""
    cut, short = ask(exact, max_question_len=1), ask(exact, question="Who")
    assert cut == short != ask(exact)


def test_a_named_model(exact: httpx.Client) -> None:
    assert ask(exact, model="electra_qa_onnx_fp32") == ask(exact)
    unknown = exact.post("/answer", json={**NORMAN, "model": "electra_qa_tpu"})
    assert unknown.status_code == 404
    assert unknown.json()["error"] == {
        "type": "unknown_model",
        "message": "model 'electra_qa_tpu' is not served; served are "
        + served("electra_qa_onnx_fp32"),
    }


@pytest.mark.embedded  # which serves these two alone
def test_several_models_are_served(repository: Path, tmp_path: Path) -> None:
    names = ["electra_qa_onnx_fp32", "electra_qa_onnx_int8"]
    with running(
        repository, tmp_path, ELECTRA_QA_MODEL=names[0], ELECTRA_QA_MODELS=",".join(names)
    ) as stack:
        asked = [{**NORMAN, "model": name} for name in (None, *names)]
        replies = [httpx.post(f"{stack.url}/answer", json=each, timeout=60) for each in asked]
        default, exact, quantized = (reply.json()["score"] for reply in replies)
        assert default == exact != quantized
        hub = InferenceClient(f"{stack.url}/models/{names[1]}")
        found = hub.question_answering(NORMAN["question"], NORMAN["context"], max_answer_len=30)
        assert isinstance(found, QuestionAnsweringOutputElement)
        assert found.answer == "William the Conqueror"
        unknown = httpx.post(f"{stack.url}/answer", json={**NORMAN, "model": "electra_qa_tpu"})
        assert unknown.json()["error"]["message"].endswith(f"served are {', '.join(names)}")


def test_many_pairs_are_answered_in_order(exact: httpx.Client) -> None:
    """Each gets the answer or the error that it gets alone."""
    pairs: list[Any] = [
        {**NORMAN, "question": "When was the conquest?", "top_k": 2},
        {**NORMAN, "context": " "},
        {**NORMAN, "model": "electra_qa_tpu"},
        "not a pair",
        {**NORMAN, "question": "q" * 3000},
        {**NORMAN, "question": "\ud800"},
        NORMAN,
    ]
    content = json.dumps({"pairs": pairs})
    response = exact.post("/answers", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 200, response.text
    answers = response.json()["answers"]
    assert [each.get("error", {}).get("type") for each in answers] == [
        *(None, "invalid_request", "unknown_model", "invalid_request", "too_large"),
        *("invalid_request", None),
    ]
    for pair, reply in zip(pairs, answers, strict=True):
        if pair not in ("not a pair", pairs[5]):
            alone = exact.post("/answer", json=pair).json()
            assert alone.get("score") == pytest.approx(reply.get("score"), abs=1e-4)
            for name in ("answer", "start", "end", "error"):
                assert alone.get(name) == reply.get(name)


def test_a_hundred_and_twenty_eight_pairs(client: httpx.Client) -> None:
    contexts = [f"The tower was built in {1000 + number}." for number in range(128)]
    pairs = [{"question": "When was it built?", "context": context} for context in contexts]
    answers = client.post("/answers", json={"pairs": pairs}).json()["answers"]
    assert [each["answer"] for each in answers] == [str(1000 + number) for number in range(128)]
