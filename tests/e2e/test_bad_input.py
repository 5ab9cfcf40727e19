"""Every kind of bad input gets its status and the one error body, and harms nobody else."""

import json
import threading
from typing import Any

import httpx
import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput, InferResult
from tritonclient.utils import InferenceServerException

from qa import tensors
from tests.e2e.stack import Stack
from tests.e2e.test_answer import NORMAN

JSON = {"content-type": "application/json"}


def with_changes(**changes: Any) -> str:
    return json.dumps({**NORMAN, **changes})


def without(field: str) -> str:
    return json.dumps({name: value for name, value in NORMAN.items() if name != field})


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
    "nothing that the tokenizer keeps": (
        with_changes(context="\u200b\u00ad"),
        422,
        "invalid_request",
        "context holds no text",
    ),
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
    "too many windows": (
        with_changes(context="c " * 5_000, doc_stride=1),
        422,
        "invalid_request",
        "windows, more than the 512 allowed",
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
    "doc_stride over the room": (
        with_changes(doc_stride=374),
        422,
        "invalid_request",
        "doc_stride is 374; it must be 1 to 373",
    ),
    "max_answer_len 0": (with_changes(max_answer_len=0), 422, "invalid_request", "max_answer_len"),
    "an unknown field": (with_changes(topk=3), 422, "invalid_request", "topk: unknown field"),
    "an unknown field that is a lone surrogate": (
        '{"question": "q", "context": "c", "\\ud800": 1}',
        422,
        "invalid_request",
        "unable to parse",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(client: httpx.Client, case: str) -> None:
    content, status, error_type, message = CASES[case]
    response = client.post("/answer", content=content, headers=JSON)
    assert (response.status_code, response.json()["error"]["type"]) == (status, error_type)
    assert set(response.json()) == {"error"}
    assert message in response.json()["error"]["message"]
    assert len(response.text) < 1000  # the request is not sent back


def test_a_body_that_is_not_declared_as_json(client: httpx.Client) -> None:
    response = client.post("/answer", data=NORMAN)
    assert response.status_code == 415
    assert response.json()["error"] == {
        "type": "unsupported_media_type",
        "message": "content-type is 'application/x-www-form-urlencoded'; send application/json",
    }


def test_a_body_without_a_length_is_held_to_the_limit(client: httpx.Client) -> None:
    chunks = (b"x" * 100_000 for _ in range(20))
    response = client.post("/answer", content=chunks, headers=JSON)
    assert (response.status_code, response.json()["error"]["type"]) == (413, "too_large")


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/answer", 405)])
def test_unknown_routes_have_the_same_body(client: httpx.Client, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"type", "message"}


def test_bad_requests_harm_nobody_else(client: httpx.Client) -> None:
    """Good questions asked while all the bad ones arrive are answered as ever."""
    expected = client.post("/answer", json=NORMAN).json()
    replies: list[dict[str, Any]] = []

    def ask() -> None:
        replies.extend(client.post("/answer", json=NORMAN).json() for _ in range(20))

    asking = threading.Thread(target=ask)
    asking.start()
    for content, *_ in CASES.values():
        client.post("/answer", content=content, headers=JSON)
    asking.join()
    assert [reply["answer"] for reply in replies] == [expected["answer"]] * 20


def infer_input(name: str, array: np.ndarray[Any, np.dtype[np.int32]]) -> InferInput:
    tensor = InferInput(name, list(array.shape), "INT32")
    tensor.set_data_from_numpy(array)
    return tensor


def rows(**changes: Any) -> list[InferInput]:
    arrays = {
        tensors.INPUT_IDS: np.zeros((1, 384), np.int32),
        tensors.ATTENTION_MASK: np.zeros((1, 384), np.int32),
        tensors.TOKEN_TYPE_IDS: np.zeros((1, 384), np.int32),
    }
    arrays[tensors.INPUT_IDS][0, :9] = [101, 2040, 2003, 102, 2848, 1996, 25466, 1012, 102]
    arrays[tensors.ATTENTION_MASK][0, :9] = 1
    arrays[tensors.TOKEN_TYPE_IDS][0, 4:9] = 1
    for name, (place, value) in changes.items():
        arrays[name][0, place] = value
    return [infer_input(name, array) for name, array in arrays.items()]


FAULTS = {
    "a token id beyond the vocabulary": ({"input_ids": (3, 99_999)}, "failed on this request"),
    "a token type that there is not": ({"token_type_ids": (3, 7)}, "failed on this request"),
    "a negative token id": ({"input_ids": (3, -1)}, "input_ids holds -1, which is negative"),
    "a negative token type": ({"token_type_ids": (3, -1)}, "token_type_ids holds -1"),
    "a mask of 2": ({"attention_mask": (0, 2)}, "padding is on the right only"),
    "a hole in the mask": ({"attention_mask": (3, 0)}, "padding is on the right only"),
}


@pytest.mark.embedded  # a native backend fails its whole batch, or does not look (docs/native.md)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_at_fault_fails_alone_in_its_batch(exact_stack: Stack, fault: str) -> None:
    """Straight to Triton, whose batch holds sound requests before and after the one at fault."""
    changes, message = FAULTS[fault]
    results: dict[int, InferResult | InferenceServerException] = {}
    done = threading.Semaphore(0)

    def keep(number: int, result: InferResult, error: InferenceServerException | None) -> None:
        results[number] = error or result
        done.release()

    with InferenceServerClient(f"127.0.0.1:{exact_stack.triton_grpc_port}") as triton:
        expected = triton.infer("electra_qa_onnx_fp32", rows()).as_numpy(tensors.START_LOGITS)
        for number in range(16):
            inputs = rows(**changes) if number == 7 else rows()
            triton.async_infer(
                "electra_qa_onnx_fp32",
                inputs,
                callback=lambda result, error, number=number: keep(number, result, error),
            )
        for _ in range(16):
            assert done.acquire(timeout=30)
    failed = {
        number: result
        for number, result in results.items()
        if isinstance(result, InferenceServerException)
    }
    assert set(failed) == {7}
    assert message in str(failed[7])
    assert failed[7].status() == "StatusCode.INVALID_ARGUMENT"
    for number in set(results) - {7}:
        got = results[number].as_numpy(tensors.START_LOGITS)
        assert np.allclose(got[0, :9], expected[0, :9], atol=1e-3)
        assert (got[0, 9:] == tensors.PADDING_LOGIT).all()
