"""Questions that are answered: alone, under load, and whatever their text holds."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tritonclient.grpc import service_pb2

from embedded.selection import Choice
from export.triton_config import request_shape
from export.variants import variant_named
from qa.squad import SAMPLE, Example, read_examples
from qa.windows import make_windows
from serving.triton import Triton
from tests.e2e.questions import NORMAN
from tests.e2e.stack import Stack, running, triton_of, wait_for


def test_a_question_is_answered(client: httpx.Client) -> None:
    response = client.post("/answer", json=NORMAN)
    assert response.status_code == 200
    reply = response.json()
    assert reply.pop("score") == pytest.approx(0.99, abs=0.15)  # fp32's; int8 differs
    assert reply == {"answer": "William the Conqueror", "start": 42, "end": 63}


def test_top_k_gives_distinct_answers_best_first(client: httpx.Client) -> None:
    reply = client.post("/answer", json={**NORMAN, "top_k": 5}).json()
    answers = reply["answers"]
    assert len({(each["start"], each["end"]) for each in answers}) == 5
    assert [each["score"] for each in answers] == sorted(
        (each["score"] for each in answers), reverse=True
    )
    assert {name: reply[name] for name in answers[0]} == answers[0]
    for each in answers:
        assert NORMAN["context"][each["start"] : each["end"]] == each["answer"]
    few = client.post("/answer", json={**NORMAN, "context": "William.", "top_k": 100}).json()
    assert len(few["answers"]) == 3  # "William", "William." and "."


def test_max_answer_len_is_kept(client: httpx.Client) -> None:
    reply = client.post("/answer", json={**NORMAN, "max_answer_len": 1, "top_k": 100}).json()
    assert all(re.fullmatch(r"\w+|\.", each["answer"]) for each in reply["answers"])


def test_a_context_of_one_token(client: httpx.Client) -> None:
    reply = client.post("/answer", json={**NORMAN, "context": "William"}).json()
    assert reply == {"answer": "William", "score": pytest.approx(1), "start": 0, "end": 7}


@pytest.mark.parametrize("before", [61, 122])
def test_a_context_of_a_hundred_windows(exact_stack: Stack, before: int) -> None:
    """The answer is found wherever it stands; the filler has some 13,000 tokens."""
    filler = "The weather in the valley was mild and dry that year, as the monks wrote. "
    filler = filler * (13_000 // 17)
    place = before * len(filler) // 123
    place = filler.rfind(". ", 0, place) + 2
    context = filler[:place] + NORMAN["context"] + " " + filler[place:]
    body = {**NORMAN, "context": context}
    reply = httpx.post(f"{exact_stack.url}/answer", json=body, timeout=120).json()
    assert reply["answer"] == "William the Conqueror"
    assert context[reply["start"] : reply["end"]] == reply["answer"]
    assert reply["start"] == place + 42


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(question=TEXT, context=TEXT)
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
def test_whatever_the_text_holds(client: httpx.Client, question: str, context: str) -> None:
    response = client.post("/answer", json={"question": question, "context": context})
    reply = response.json()
    if response.status_code == 200:
        assert context[reply["start"] : reply["end"]] == reply["answer"] != ""
    else:
        assert response.status_code == 422
        assert reply["error"]["type"] == "invalid_request"


@pytest.fixture(scope="module")
def patient(
    repository: Path, exact_stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A gateway whose requests may wait long for the Triton of ``exact_stack``."""
    settings = {"ELECTRA_QA_MODEL": "electra_qa_onnx_fp32", "ELECTRA_QA_MAX_QUEUE_SECONDS": "60"}
    folder = tmp_path_factory.mktemp("patient")
    with running(repository, folder, **settings, **triton_of(exact_stack)) as stack:
        yield stack


def alike(examples: Sequence[Example], tokenizer: Tokenizer) -> list[Example]:
    """The questions whose windows have the most common length, so that they can be batched."""
    shape = request_shape(variant_named("onnx_fp32"), 384)
    by_length: dict[tuple[int, ...], list[Example]] = defaultdict(list)
    for each in examples:
        windows = make_windows(tokenizer, each.question, each.context, sequence_length=384)
        by_length[tuple(map(shape.padded, windows.row_lengths.tolist()))].append(each)
    return max(by_length.values(), key=len)


def mixed(examples: Sequence[Example], _: Tokenizer) -> list[Example]:
    """Questions of all lengths, which our own backends compute together."""
    return list(examples[::3])


@pytest.mark.parametrize(
    "choose_from",
    # native backends batch equal lengths only
    [alike, pytest.param(mixed, marks=pytest.mark.embedded)],
)
def test_every_question_gets_its_own_answer_under_load(
    patient: Stack,
    exact_stack: Stack,
    tokenizer: Tokenizer,
    choose_from: Callable[[Sequence[Example], Tokenizer], list[Example]],
) -> None:
    """Concurrent replies equal lone ones, and Triton ran fewer batches than requests."""
    examples = choose_from(read_examples(SAMPLE), tokenizer)[:60]
    bodies = [{"question": each.question, "context": each.context} for each in examples]
    with httpx.Client(base_url=patient.url, timeout=60) as client:
        alone = [client.post("/answer", json=body).json() for body in bodies]

    async def ask_all() -> list[dict[str, Any]]:
        async with httpx.AsyncClient(base_url=patient.url, timeout=60) as client:
            replies = await asyncio.gather(*(client.post("/answer", json=body) for body in bodies))
        return [reply.json() for reply in replies]

    before = statistics(exact_stack)
    together = asyncio.run(ask_all())
    # Triton counts a request when its execution ends, a moment after its answer left
    wait_for(lambda: statistics(exact_stack)[0] - before[0] >= len(bodies))
    after = statistics(exact_stack)
    for one, other in zip(alone, together, strict=True):
        assert one.pop("score") == pytest.approx(other.pop("score"), abs=1e-4)
        assert one == other
    requests, executions = (now - then for now, then in zip(after, before, strict=True))
    assert len(bodies) >= 50  # the gateways' probes are counted beside them
    assert executions < requests / 2


def statistics(stack: Stack) -> tuple[int, int]:
    """Triton's own counts of the model's successful requests and executions."""

    async def ask() -> tuple[int, int]:
        triton = Triton(f"127.0.0.1:{stack.triton_grpc_port}")
        request = service_pb2.ModelStatisticsRequest(name="electra_qa_onnx_fp32")
        (model,) = (await triton._stub.ModelStatistics(request)).model_stats
        await triton.close()
        return model.inference_stats.success.count, model.execution_count

    return asyncio.run(ask())


def test_health_and_info(client: httpx.Client, choice: Choice) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready"}
    info = client.get("/info").json()
    assert (info["name"], info["reason"]) == (choice.model, choice.reason)
    variant = variant_named(choice.model.removeprefix("electra_qa_"))
    shape = vars(request_shape(variant, 384))
    assert {name: info[name] for name in shape} == shape
    assert info["max_batch_size"] == variant.max_rows
    assert info["mean_batch_size"] >= 1


def test_info_of_a_model_that_was_named(exact_stack: Stack) -> None:
    info = httpx.get(f"{exact_stack.url}/info").json()
    assert (info["name"], info["reason"]) == ("electra_qa_onnx_fp32", "named by ELECTRA_QA_MODEL")
