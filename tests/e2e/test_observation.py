"""What a question leaves behind: its timings, its log lines, its metrics."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest
from tokenizers import Tokenizer

from qa.tensors import RequestShape
from qa.windows import make_windows
from tests.e2e.questions import NORMAN, ask
from tests.e2e.stack import Stack, running, triton_of
from tests.serving.test_observation import samples, timings

pytestmark = pytest.mark.thorough

STAGES = ["tokenize", "queue", "infer", "decode", "total"]


def test_the_stages_of_an_answer(client: httpx.Client) -> None:
    took = timings(client.post("/answer", json=NORMAN))
    assert sorted(took) == sorted(STAGES)
    parts = sum(took[stage] for stage in STAGES[:-1])
    assert 0 < parts <= took["total"] + 0.05
    assert took["infer"] == max(took[stage] for stage in STAGES[:-1])
    many = timings(client.post("/answers", json={"pairs": [NORMAN] * 20}))
    assert all(many[stage] <= many["total"] for stage in STAGES)


@pytest.fixture(scope="module")
def entries(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The log of a stack of its own that was asked some questions."""
    folder = tmp_path_factory.mktemp("json")
    with running(repository, folder, ELECTRA_QA_LOG_FORMAT="json") as stack:
        thai = {
            "question": "Who did it?",
            "context": "William, or \u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 did.",
        }
        for number, body in enumerate((NORMAN, {**NORMAN, "context": ""}, {"secret": 1}, thai)):
            headers = {"x-request-id": f"id-{number}"}
            httpx.post(f"{stack.url}/answer", json=body, headers=headers, timeout=60)
    return [json.loads(line) for line in stack.log.read_text().splitlines()]


def test_every_line_is_json_and_names_its_request(entries: list[dict[str, Any]]) -> None:
    by_request = {each["request_id"]: each for each in entries if "request_id" in each}
    assert set(by_request) == {"id-0", "id-1", "id-2", "id-3"}
    answered = by_request["id-0"]
    assert (answered["status"], answered["route"], answered["windows"]) == (200, "/answer", 1)
    assert answered["infer_ms"] > 0
    assert answered["unknown"] == 0
    assert by_request["id-3"]["unknown"] == 0.1  # of ten tokens: the Thai word is one
    assert by_request["id-1"]["error"] == "invalid_request"
    assert all({"time", "level", "logger", "message"} <= set(each) for each in entries)


def test_no_text_is_logged_unless_asked_for(
    entries: list[dict[str, Any]], repository: Path, stack: Stack, tmp_path: Path
) -> None:
    assert not re.search("Norman|William|secret", json.dumps(entries))
    settings = {"ELECTRA_QA_LOG_TEXTS": "true", **triton_of(stack)}
    with running(repository, tmp_path, **settings) as telling:
        ask(telling)
        logged = telling.log.read_text()
    assert NORMAN["question"] in logged
    assert "answer=William the Conqueror" in logged


def padding_ratios(stack: Stack, tokenizer: Tokenizer, *bodies: dict[str, str]) -> float:
    """The sum over questions of the padding, as a share of the positions that are sent."""
    info = httpx.get(f"{stack.url}/info").json()
    shape = RequestShape(**{each.name: info[each.name] for each in fields(RequestShape)})
    ratios = []
    for body in bodies:
        windows = make_windows(tokenizer, body["question"], body["context"], sequence_length=384)
        lengths = windows.row_lengths.tolist()
        ratios.append(1 - sum(lengths) / sum(map(shape.padded, lengths)))
    return float(sum(ratios))


def test_metrics_count_what_happened(stack: Stack, tokenizer: Tokenizer) -> None:
    before = samples(stack.url)
    bodies: list[Any] = [NORMAN, NORMAN, {**NORMAN, "context": "word " * 500}, {}]
    for body in bodies:
        httpx.post(f"{stack.url}/answer", json=body, timeout=60)
    after = samples(stack.url)

    def change(name: str, *labels: str) -> float:
        key = (f"electra_qa_{name}", *labels)
        return after[key] - before.get(key, 0)

    posted = ("method=POST", "route=/answer")
    assert change("requests_total", "code=200", *posted) == 3
    assert change("requests_total", "code=422", *posted) == 1
    assert change("request_duration_seconds_count", "route=/answer") == 4
    assert change("rejections_total", "reason=invalid_request") == 1
    assert change("question_unknown_ratio_count") == 3
    assert change("question_unknown_ratio_bucket", "le=0.0") == 3  # English, all known
    for stage in STAGES[:-1]:
        assert change("stage_duration_seconds_count", f"stage={stage}") == 3
    assert change("question_windows_sum") == 1 + 1 + 2
    assert 500 < change("tokens_total") < 384 * 4
    assert change("question_padding_ratio_count") == 3
    expected = padding_ratios(stack, tokenizer, *bodies[:3])
    assert change("question_padding_ratio_sum") == pytest.approx(expected)
    assert after["electra_qa_requests_in_flight",] == 1  # the one that reads the metrics
    assert after["electra_qa_windows_in_flight",] == 0


def test_a_pair_that_is_wrong_is_counted(stack: Stack) -> None:
    key = ("electra_qa_rejections_total", "reason=invalid_request")
    before = samples(stack.url).get(key, 0)
    pairs = [NORMAN, {**NORMAN, "context": ""}, {}, {**NORMAN, "doc_stride": 380}]
    reply = httpx.post(f"{stack.url}/answers", json={"pairs": pairs}, timeout=60)
    assert reply.status_code == 200
    assert samples(stack.url)[key] - before == 3


def test_buckets_resolve_a_millisecond(stack: Stack) -> None:
    bounds = {
        float(label.removeprefix("le="))
        for name, *labels in samples(stack.url)
        if name == "electra_qa_stage_duration_seconds_bucket"
        for label in labels
        if label.startswith("le=")
    }
    assert {number / 1000 for number in range(1, 11)} <= bounds
