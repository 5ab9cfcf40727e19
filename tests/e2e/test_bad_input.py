"""Bad input that is found only with the model at hand; and no bad input harms other requests."""

import threading
from typing import Any

import httpx
import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput, InferResult
from tritonclient.utils import InferenceServerException

from qa import tensors
from tests.e2e.questions import NORMAN
from tests.e2e.stack import Stack
from tests.serving.test_bad_input import CASES, JSON, check, with_changes

OWN_CASES = {
    "nothing that the tokenizer keeps": (
        with_changes(context="\u200b\u00ad"),
        422,
        "invalid_request",
        "context holds no text",
    ),
    "too many windows": (
        with_changes(context="c " * 5_000, doc_stride=1),
        422,
        "invalid_request",
        "windows, more than the 512 allowed",
    ),
    "doc_stride over the room": (
        with_changes(doc_stride=374),
        422,
        "invalid_request",
        "doc_stride is 374; it must be 1 to 373",
    ),
}


@pytest.mark.parametrize("case", OWN_CASES)
def test_bad_input(client: httpx.Client, case: str) -> None:
    check(client, *OWN_CASES[case])


def test_bad_requests_harm_nobody_else(client: httpx.Client) -> None:
    """Good questions asked while all the bad ones arrive are answered as ever."""
    expected = client.post("/answer", json=NORMAN).json()
    replies: list[dict[str, Any]] = []

    def ask() -> None:
        replies.extend(client.post("/answer", json=NORMAN).json() for _ in range(20))

    asking = threading.Thread(target=ask)
    asking.start()
    for content, *_ in [*CASES.values(), *OWN_CASES.values()]:
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
    "an unknown token type": ({"token_type_ids": (3, 7)}, "failed on this request"),
    "a negative token id": ({"input_ids": (3, -1)}, "input_ids holds -1, which is negative"),
    "a negative token type": ({"token_type_ids": (3, -1)}, "token_type_ids holds -1"),
    "a mask of 2": ({"attention_mask": (0, 2)}, "padding is on the right only"),
    "a hole in the mask": ({"attention_mask": (3, 0)}, "padding is on the right only"),
}


@pytest.mark.embedded  # a native backend fails the whole batch, or does not check (docs/native.md)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_at_fault_fails_alone_in_its_batch(exact_stack: Stack, fault: str) -> None:
    """Triton itself is asked; its batch has sound requests before and after the one at fault."""
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
