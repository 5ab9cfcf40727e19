"""huggingface_hub's own client, unmodified, against the gateway."""

import httpx
import pytest
from huggingface_hub import InferenceClient, QuestionAnsweringOutputElement
from huggingface_hub.errors import HfHubHTTPError

from qa.tokenizer import load_tokenizer
from tests.conftest import CHECKPOINT
from tests.e2e.questions import NORMAN
from tests.e2e.stack import Stack
from tests.e2e.triton_under_test import served

ASKED = NORMAN["question"], NORMAN["context"]


@pytest.fixture(scope="module")
def hub(exact_stack: Stack) -> InferenceClient:
    return InferenceClient(base_url=exact_stack.url)


def own(stack: Stack, **options: object) -> dict[str, object]:
    """What the gateway's own schema answers."""
    reply = httpx.post(f"{stack.url}/answer", json={**NORMAN, **options}, timeout=60).json()
    assert isinstance(reply, dict)
    return reply


def test_a_question_is_answered(hub: InferenceClient, exact_stack: Stack) -> None:
    found = hub.question_answering(*ASKED)
    assert isinstance(found, QuestionAnsweringOutputElement)
    assert (found.answer, found.start, found.end) == ("William the Conqueror", 42, 63)
    # 15 tokens are Hugging Face's default
    assert found.score == own(exact_stack, max_answer_len=15)["score"]
    by_name = InferenceClient(f"{exact_stack.url}/models/electra_qa_onnx_fp32")
    assert by_name.question_answering(*ASKED) == found


def test_every_parameter(hub: InferenceClient) -> None:
    found = hub.question_answering(
        *ASKED,
        align_to_words=True,
        doc_stride=4,
        handle_impossible_answer=True,
        max_answer_len=3,
        max_question_len=8,
        max_seq_len=20,
        top_k=4,
    )
    assert isinstance(found, list)
    assert len(found) == 4
    for each in found:
        assert NORMAN["context"][each.start : each.end] == each.answer
        assert len(each.answer.split()) <= 3


def test_doc_stride_is_an_overlap(hub: InferenceClient, exact_stack: Stack) -> None:
    """By default 128 tokens; an overlap gives the same windows as the step that leaves it."""
    tokenizer = load_tokenizer(CHECKPOINT / "tokenizer.json")
    room = 384 - 3 - len(tokenizer.encode(NORMAN["question"], add_special_tokens=False).ids)
    context = "The weather in the valley was mild and dry. " * 80 + NORMAN["context"]
    for doc_stride, step in ((None, room - 128), (0, room), (300, room - 300)):
        found = hub.question_answering(NORMAN["question"], context, doc_stride=doc_stride)
        alone = own(exact_stack, context=context, max_answer_len=15, doc_stride=step)
        assert isinstance(found, QuestionAnsweringOutputElement)
        assert found.answer == alone["answer"] == "William the Conqueror"
        assert found.score == pytest.approx(alone["score"], abs=1e-6)


def test_errors_reach_the_client_with_their_messages(
    hub: InferenceClient, exact_stack: Stack
) -> None:
    with pytest.raises(HfHubHTTPError, match="context: must hold more than white space"):
        hub.question_answering("Who?", " ")
    with pytest.raises(HfHubHTTPError, match="doc_stride is an overlap of 380 tokens"):
        hub.question_answering(*ASKED, doc_stride=380)
    unknown = InferenceClient(f"{exact_stack.url}/models/electra_qa_tpu")
    with pytest.raises(HfHubHTTPError, match=f"served are {served('electra_qa_onnx_fp32')}"):
        unknown.question_answering(*ASKED)
