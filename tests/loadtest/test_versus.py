"""The gateway and baselines in turns: stubs whose speed is known, and the real pipeline."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from embedded.ports import free_ports
from loadtest.baselines import bare_loop
from loadtest.errors import LoadTestError
from loadtest.load.questions import read_questions
from tests.conftest import CHECKPOINT, ROOT
from tests.loadtest.command import loadtest, result
from tests.loadtest.stub import Reply, serving

SAMPLE = ROOT / "tests" / "data" / "squad-dev-sample.json"
QUICK = ("--users", "1", "--seconds", "1", "--questions", "3", "--ceiling", "")


def test_rounds_take_turns_and_the_ratio_is_that_of_the_delays(tmp_path: Path) -> None:
    with (
        serving(lambda _: Reply(seconds=0.02)) as ours,
        serving(lambda _: Reply(seconds=0.06)) as theirs,
    ):
        code, out, err = loadtest(
            tmp_path,
            *("versus", "--url", ours, "--baseline-url", theirs, "--rounds", "2", *QUICK),
        )
    assert code == 0, err
    found = result(tmp_path)
    a, b = "gateway stub", "transformers pipeline"
    single = [row for row in found.loads if row.route == "/answer"]
    assert [(row.system, row.round) for row in single] == [(a, 0), (b, 0), (a, 1), (b, 1)]
    for faster, slower in (single[:2], single[2:]):
        assert faster.throughput > 1.5 * slower.throughput
        assert min(slower.latencies) >= 60
    assert found.accuracies[a].questions == 3
    assert "A is lower" in out or "inside the noise" in out


def test_a_baseline_without_an_environment_says_what_to_do(tmp_path: Path) -> None:
    with serving(lambda _: Reply()) as url:
        code, _, err = loadtest(
            tmp_path, "versus", "--url", url, "--checkpoint", str(tmp_path), *QUICK
        )
    assert code == 1
    assert "make baseline" in err or "has no config.json" in err
    assert "Traceback" not in err


def test_the_bare_loop_computes_every_window(repository: Path, tokenizer: Tokenizer) -> None:
    questions = read_questions(SAMPLE, 4)
    windows = bare_loop.make_all_windows(tokenizer, questions, 384)
    model = bare_loop.load_onnx(repository, "onnx_int8")
    one_by_one, at_once = bare_loop.run(model, windows, questions, "onnx_int8")
    assert one_by_one.level == 1
    assert sum(one_by_one.latencies) == pytest.approx(1000 * one_by_one.seconds)
    assert len(at_once.latencies) == at_once.level == 4
    assert set(at_once.latencies) == {1000 * at_once.seconds}


def test_the_bare_loop_is_for_onnx(repository: Path) -> None:
    with pytest.raises(LoadTestError, match="ONNX variants"):
        bare_loop.load_onnx(repository, "openvino_int8")


@pytest.mark.skipif(
    not (ROOT / "build" / "baseline" / "bin" / "python").exists(), reason="needs make baseline"
)
def test_the_pipeline_answers_one_and_many_alike(tmp_path: Path) -> None:
    with serving(lambda _: Reply(answer="of 1066")) as url:
        code, out, err = loadtest(
            tmp_path,
            *("versus", "--url", url, "--checkpoint", str(CHECKPOINT)),
            *("--port", str(free_ports().http), *QUICK, "--rounds", "1", "--seconds", "6"),
        )
    assert code == 0, err
    rows = [row for row in result(tmp_path).loads if row.system.startswith("transformers")]
    assert [row.route for row in rows] == ["/answer", "/answers"]
    for row in rows:
        assert row.wrong == 0
        assert row.latencies
        assert not row.failures
    assert "transformers pipeline" in out
