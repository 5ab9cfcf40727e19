"""Accuracy through the whole path: gateway, Triton, backend, spans."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from qa.metric import Scores, evaluate, normalize_answer
from qa.squad import SAMPLE, Example, read_examples
from tests.conftest import ROOT
from tests.e2e.stack import Stack, running
from tests.ports import free_ports

pytestmark = pytest.mark.thorough

# measured with the checkpoint's float32 weights; a better checkpoint has other figures
FP32_ON_SAMPLE = Scores(exact_match=75.00, f1=83.86, total=200)
FP32_ON_TENTH = Scores(exact_match=75.31, f1=84.21, total=1057)


def run_evaluation(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evaluation", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def rows(said: str) -> list[list[str]]:
    """The words of each row of the table that was printed."""
    return [re.findall(r"[\w.]+", line) for line in said.splitlines() if "│" in line]


def evaluated(stack: Stack, dataset: Path, answers: Path) -> tuple[Scores, dict[str, str]]:
    done = run_evaluation(str(dataset), "--url", stack.url, "--output", str(answers))
    assert done.returncode == 0, done.stderr
    predictions = json.loads(answers.read_text())
    examples = read_examples(dataset)
    scores = evaluate(examples, [predictions[each.id] for each in examples])
    assert f"{scores.f1:.2f}" in done.stdout  # what is printed is what was answered
    assert f"{scores.exact_match:.2f}" in done.stdout
    return scores, predictions


def test_the_variants_on_the_sample(
    repository: Path, stack: Stack, exact_stack: Stack, tmp_path: Path
) -> None:
    """fp32 has the checkpoint's own figures on these 200 questions; the chosen one comes near."""
    onnx, onnx_answers = evaluated(exact_stack, SAMPLE, tmp_path / "onnx")
    assert onnx.f1 == pytest.approx(FP32_ON_SAMPLE.f1, abs=0.3)
    assert onnx.exact_match == pytest.approx(FP32_ON_SAMPLE.exact_match, abs=0.51)
    with running(repository, tmp_path, ELECTRA_QA_MODEL="electra_qa_savedmodel_fp32") as other:
        _, savedmodel_answers = evaluated(other, SAMPLE, tmp_path / "savedmodel")
    assert onnx_answers == savedmodel_answers
    chosen, _ = evaluated(stack, SAMPLE, tmp_path / "chosen")
    assert chosen.f1 == pytest.approx(onnx.f1, abs=2)


def test_the_chosen_one_and_fp32_on_a_tenth_of_dev(
    stack: Stack, exact_stack: Stack, dataset: Path, tmp_path: Path
) -> None:
    """Every tenth question; the README has the figures of all of them."""
    tenth = read_examples(dataset)[::10]
    path = _written(tenth, tmp_path / "tenth.json")
    fp32, _ = evaluated(exact_stack, path, tmp_path / "fp32")
    chosen, _ = evaluated(stack, path, tmp_path / "chosen")
    assert fp32.total == 1057
    assert fp32.f1 == pytest.approx(FP32_ON_TENTH.f1, abs=0.1)
    assert chosen.f1 > fp32.f1 - 1


def _written(examples: list[Example], path: Path) -> Path:
    path.write_text(json.dumps(as_squad(examples)))
    return path


def as_squad(examples: list[Example]) -> dict[str, Any]:
    paragraphs = [
        {
            "context": each.context,
            "qas": [
                {
                    "id": each.id,
                    "question": each.question,
                    "answers": [{"text": text, "answer_start": 0} for text in each.answers],
                }
            ],
        }
        for each in examples
    ]
    return {"version": "1.1", "data": [{"title": "every tenth", "paragraphs": paragraphs}]}


def test_questions_without_an_answer(exact_stack: Stack, tmp_path: Path) -> None:
    """Ten questions are asked of their own paragraph and of another's, as in SQuAD 2.0.

    With a threshold that no score reaches, all get a span; with one that all reach, none.
    """
    asked = read_examples(SAMPLE)[::20]
    elsewhere = [
        replace(each, id=f"{each.id}-elsewhere", context=other.context, answers=())
        for each, other in zip(asked, [*asked[1:], asked[0]], strict=True)
    ]
    path = _written(asked + elsewhere, tmp_path / "squad-2.json")

    def evaluated_at(threshold: str) -> tuple[list[list[str]], dict[str, str]]:
        output = ("--output", str(tmp_path / "answers"))
        options = ("--url", exact_stack.url, "--null-threshold", threshold, *output)
        done = run_evaluation(str(path), *options)
        assert done.returncode == 0, done.stderr
        return rows(done.stdout), json.loads((tmp_path / "answers").read_text())

    spans_alone = evaluated(exact_stack, _written(asked, tmp_path / "squad-1.json"), tmp_path / "x")
    ((*_, all_f1, _), with_one, without), answers = evaluated_at("1000")
    assert all(answers.values())
    assert with_one[-1] == f"{spans_alone[0].f1:.2f}"
    # a span of punctuation or an article alone counts as the empty answer
    assert float(without[-1]) == 10 * sum(not normalize_answer(answers[x.id]) for x in elsewhere)
    half = (float(with_one[-1]) + float(without[-1])) / 2
    assert float(all_f1) == pytest.approx(half, abs=0.01)
    ((_, _, _, em, _, _), with_one, without), answers = evaluated_at("-1000")
    assert not any(answers.values())
    assert (em, with_one[-1], without[-1]) == ("50.00", "0.00", "100.00")


def test_make_eval_of_a_gateway_with_keys_that_is_busy(repository: Path, tmp_path: Path) -> None:
    """With room for one window, most questions are told to retry, and all get an answer."""
    asked = read_examples(SAMPLE)[:12]
    path = _written([replace(each, id="one for all") for each in asked], tmp_path / "a file.json")
    settings = {"ELECTRA_QA_API_KEYS": "other,s3cret", "ELECTRA_QA_MAX_WINDOWS_IN_FLIGHT": "1"}
    with running(
        repository, tmp_path, ELECTRA_QA_MODEL="electra_qa_onnx_fp32", **settings
    ) as stack:

        def make_eval(*options: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                ["make", "eval", f"DATASET={path}", f"URL={stack.url}", *options],
                capture_output=True,
                text=True,
                check=False,
                cwd=ROOT,
            )

        without = make_eval()
        done = make_eval("EVALUATION_API_KEY=s3cret", "TOP_K=2", "ALIGN_TO_WORDS=false")
        metrics = httpx.get(f"{stack.url}/metrics", headers={"authorization": "Bearer other"}).text
    assert without.returncode != 0
    assert "asks for an API key: set EVALUATION_API_KEY" in without.stderr
    assert done.returncode == 0, done.stderr
    assert "s3cret" not in without.stdout + without.stderr + done.stdout + done.stderr
    assert re.search(r"rejections_total\{.*overloaded.*\} [1-9]", metrics), metrics
    best, best_of_two, *_ = rows(done.stdout)
    assert best[1:3] == ["12", "0"]
    assert best_of_two[:4] == ["best", "of", "2", "12"]
    assert float(best_of_two[-1]) >= float(best[-2])


def test_no_gateway() -> None:
    (port,) = free_ports(1)
    done = run_evaluation(str(SAMPLE), "--url", f"http://127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: no gateway answers at http://127.0.0.1:{port}")


def test_a_file_that_is_not_squad(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text("{}")
    done = run_evaluation(str(path), "--url", stack.url)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {path} is not a SQuAD file")
