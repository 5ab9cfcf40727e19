"""``python -m evaluation`` as a process of its own, against a far end that replies as told."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.evaluation.far_end import FarEnd, Question, Reply, answering

pytestmark = pytest.mark.thorough

BUSY = {"error": {"type": "overloaded", "message": "too many windows"}}
KEY = "s3cret-of-the-tests"


def squad(
    folder: Path, *questions: tuple[object, str, str], context: str = "William, 1066."
) -> Path:
    """Write a file of ids, questions and gold answers."""
    qas = [
        {"id": name, "question": asked, "answers": [{"text": gold}]}
        for name, asked, gold in questions
    ]
    path = folder / "squad.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}))
    return path


def evaluate(
    far_end: FarEnd, dataset: Path, *flags: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evaluation", str(dataset), "--url", far_end.url, *flags],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=120,
    )


def rows(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    """The cells of the table, without its head."""
    lines = [line for line in done.stdout.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def echo(question: Question) -> Reply:
    """Answer what is asked with the question itself."""
    return Reply(body={"answer": question["question"], "score": 0.5})


def test_questions_of_one_id_keep_their_own_answers(tmp_path: Path) -> None:
    dataset = squad(tmp_path, (1, "one", "one"), ("1", "two", "two"), ("x", "x", "y"))
    with answering(echo) as far_end:
        done = evaluate(far_end, dataset)
    assert done.returncode == 0, done.stderr
    assert rows(done)[0][:5] == ["electra_qa_stub", "3", "0", "66.67", "66.67"]


def test_a_failed_question_takes_no_other_answer(tmp_path: Path) -> None:
    def reply(question: Question) -> Reply:
        return Reply(504, BUSY) if question["question"] == "two" else echo(question)

    # the second would be right with the first's answer
    dataset = squad(tmp_path, ("1", "one", "one"), ("1", "two", "one"))
    with answering(reply) as far_end:
        done = evaluate(far_end, dataset)
    assert done.returncode == 1
    assert rows(done)[0][1:5] == ["2", "1", "50.00", "50.00"]
    assert "failed: 1: EvaluationError: status 504" in done.stderr


def test_answers_by_id_need_ids(tmp_path: Path) -> None:
    output = tmp_path / "answers.json"
    with answering(echo) as far_end:
        twice = squad(tmp_path, (1, "one", "one"), ("1", "two", "two"))
        done = evaluate(far_end, twice, "--output", str(output))
        assert done.returncode == 1
        assert "error: 2 questions have the id '1'" in done.stderr
        done = evaluate(far_end, twice, OUTPUT=str(tmp_path / "missing" / "answers.json"))
        assert done.returncode == 1
        assert re.search("error: cannot write .*answers.json: .*No such file", done.stderr)
        assert far_end.asked == []  # both before anything was asked
        done = evaluate(
            far_end, squad(tmp_path, (1, "one é", "one"), ("2", "two", "")), OUTPUT=str(output)
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(output.read_text(encoding="utf-8")) == {"1": "one é", "2": "two"}


def test_an_empty_gold_answer_is_no_answer(tmp_path: Path) -> None:
    dataset = squad(tmp_path, ("1", "one", "one"), ("2", "two", ""), ("3", "", " "))
    content = json.loads(dataset.read_text())
    content["data"][0]["paragraphs"][0]["qas"][2]["question"] = "three"
    dataset.write_text(json.dumps(content))

    def reply(question: Question) -> Reply:
        assert question["handle_impossible_answer"] is True
        assert question["null_threshold"] == -1.5
        return (
            Reply(body={"answer": "", "score": 1})
            if question["question"] == "two"
            else echo(question)
        )

    with answering(reply) as far_end:
        done = evaluate(far_end, dataset, NULL_THRESHOLD="-1.5")
    assert done.returncode == 0, done.stderr
    everything, answered, unanswerable = rows(done)
    assert everything[1:5] == ["3", "0", "66.67", "66.67"]
    assert answered[:5] == ["with an answer", "1", "", "100.00", "100.00"]
    assert unanswerable[:5] == ["without one", "2", "", "50.00", "50.00"]


def test_options_go_to_the_gateway_by_flag_or_environment(tmp_path: Path) -> None:
    dataset = squad(tmp_path, ("1", "one", "one"))
    with answering(echo) as far_end:
        assert evaluate(far_end, dataset).returncode == 0
        flags = ("--no-align-to-words", "--max-answer-len", "7", "--doc-stride", "32")
        assert evaluate(far_end, dataset, *flags, MODEL="electra_qa_x").returncode == 0
        assert evaluate(far_end, dataset, ALIGN_TO_WORDS="false", TOP_K="3").returncode == 0
        done = evaluate(far_end, dataset, "--null-threshold", "1")
    assert "every question has an answer: the null threshold is not used" in done.stderr
    context = {"question": "one", "context": "William, 1066."}
    assert far_end.asked == [
        context,
        context
        | {"align_to_words": False, "max_answer_len": 7, "doc_stride": 32, "model": "electra_qa_x"},
        context | {"align_to_words": False, "top_k": 3},
        context,
    ]


def test_the_best_of_several_answers_is_scored_beside(tmp_path: Path) -> None:
    def reply(question: Question) -> Reply:
        texts = ("wrong", "in 1066", "1066") if question["question"] == "when" else ("William",)
        spans = [{"answer": text, "score": 0.3} for text in texts]
        return Reply(body={**spans[0], "answers": spans})

    dataset = squad(tmp_path, ("1", "when", "1066"), ("2", "who", "William"))
    with answering(reply) as far_end:
        done = evaluate(far_end, dataset, "--top-k", "3")
    first, best = rows(done)
    assert first[3:5] == ["50.00", "50.00"]
    assert best[:5] == ["best of 3", "2", "", "100.00", "100.00"]


def test_the_key_is_sent_and_never_shown(tmp_path: Path) -> None:
    dataset = squad(tmp_path, ("1", "one", "one"))
    with answering(echo) as far_end:
        by_environment = evaluate(far_end, dataset, EVALUATION_API_KEY=KEY)
        by_flag = evaluate(far_end, dataset, "--api-key", KEY)
        without = evaluate(far_end, dataset)
    assert far_end.authorizations == [f"Bearer {KEY}"] * 4 + [None] * 2
    wrong_url = FarEnd("http://127.0.0.1:1", [], [], [])
    gone = evaluate(wrong_url, dataset, EVALUATION_API_KEY=KEY)
    assert gone.stderr.startswith("error: no gateway answers")
    broken = evaluate(far_end, dataset, EVALUATION_API_KEY=f"{KEY}\nx")
    assert broken.stderr.startswith("error: the API key has a character that a header cannot hold")
    usage = evaluate(far_end, dataset, "--top-k", "0", EVALUATION_API_KEY=KEY)
    assert usage.returncode == 2
    help_page = evaluate(far_end, dataset, "--help", EVALUATION_API_KEY=KEY, COLUMNS="120")
    assert "EVALUATION_API_KEY" in help_page.stdout
    for done in (by_environment, by_flag, without, gone, broken, usage, help_page):
        assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize(("key", "asked_for"), [(None, "an API key"), (KEY, "another API key")])
def test_a_gateway_that_asks_for_a_key(tmp_path: Path, key: str | None, asked_for: str) -> None:
    refusal = Reply(401, {"error": {"type": "unauthorized", "message": "no"}})
    with answering(echo, info=refusal) as far_end:
        environment = {"EVALUATION_API_KEY": key} if key else {}
        done = evaluate(far_end, squad(tmp_path, ("1", "one", "one")), **environment)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: the gateway at {far_end.url} asks for {asked_for}: set EVALUATION_API_KEY\n"
    )
    assert far_end.asked == []


@pytest.mark.parametrize("info", [Reply(body=[]), Reply(body={"status": "ok"})])
def test_another_server(tmp_path: Path, info: Reply) -> None:
    with answering(echo, info) as far_end:
        done = evaluate(far_end, squad(tmp_path, ("1", "one", "one")))
    assert done.stderr == f"error: the server at {far_end.url} is not this project's gateway\n"


def test_a_reply_that_is_no_answer_fails_its_question_alone(tmp_path: Path) -> None:
    def reply(question: Question) -> Reply:
        return Reply(body=["odd"]) if question["question"] == "odd" else echo(question)

    dataset = squad(tmp_path, ("1", "one", "one"), ("2", "odd", "odd"))
    with answering(reply) as far_end:
        done = evaluate(far_end, dataset)
    assert 'failed: 2: EvaluationError: the reply is not an answer: ["odd"]' in done.stderr
    assert rows(done)[0][1:4] == ["2", "1", "50.00"]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(tmp_path: Path, status: int) -> None:
    asked: list[object] = []

    def reply(question: Question) -> Reply:
        asked.append(question)
        return Reply(status, BUSY, {"retry-after": "1"}) if len(asked) < 3 else echo(question)

    with answering(reply) as far_end:
        done = evaluate(far_end, squad(tmp_path, ("1", "one", "one")))
    assert done.returncode == 0, done.stderr
    first, second, third = far_end.times
    assert min(second - first, third - second) >= 1


def test_a_gateway_that_stays_busy_is_given_up(tmp_path: Path) -> None:
    """The first question waits; those after it are asked once each and fail, and are counted."""
    dataset = squad(tmp_path, *((str(number), f"q{number}", "x") for number in range(8)))
    with answering(lambda _: Reply(429, BUSY, {"retry-after": "1"})) as far_end:
        done = evaluate(far_end, dataset, "--concurrency", "1", PATIENCE="1.5")
    assert done.returncode == 1
    assert rows(done)[0][1:5] == ["8", "8", "0.00", "0.00"]
    assert len(far_end.asked) == 9
    lines = [line for line in done.stderr.splitlines() if "failed" in line]
    assert re.match("failed: 0: EvaluationError: given up: the gateway is too busy", lines[0])
    assert "asks for 1 s more, which exceeds the patience of 1.5 s" in lines[0]
    assert lines[-1] == "and 3 more of 8 questions failed"
    assert "calibration" not in done.stdout


def test_a_wait_that_is_longer_than_the_patience_is_not_begun(tmp_path: Path) -> None:
    with answering(lambda _: Reply(429, BUSY, {"retry-after": "3600"})) as far_end:
        done = evaluate(far_end, squad(tmp_path, ("1", "one", "one")))
    assert "asks for 3600 s more" in done.stderr
    assert len(far_end.asked) == 1


def test_a_script_without_spaces_is_warned_of(tmp_path: Path) -> None:
    dataset = squad(tmp_path, ("1", "誰", "林建國"), context="磨坊主是林建國。")
    with answering(lambda _: Reply(body={"answer": "磨坊主是林建國", "score": 1})) as far_end:
        done = evaluate(far_end, dataset)
    assert done.returncode == 0
    assert done.stderr.startswith("warning: 100% of the gold answers are not words between spaces")
    assert rows(done)[0][3:5] == ["0.00", "0.00"]
