"""The gateway and baselines in turns: stubs whose speed is known, and the real pipeline."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from embedded.ports import free_ports
from loadtest.baselines import bare_loop
from loadtest.batches.inputs import join
from loadtest.errors import LoadTestError
from loadtest.load.questions import read_questions
from qa.squad import SAMPLE
from tests.conftest import CHECKPOINT, ROOT
from tests.loadtest.command import loadtest, result
from tests.loadtest.stub import Reply, serving

pytestmark = pytest.mark.thorough

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


def test_bare_loops_compute_every_window(tmp_path: Path, repository: Path) -> None:
    with serving(lambda _: Reply()) as url:
        code, _, err = loadtest(
            tmp_path,
            *("versus", "--url", url, "--baseline-url", url, "--rounds", "1", *QUICK),
            *("--repository", str(repository), "--ceiling", "onnx_int8 openvino_int8"),
        )
    assert code == 0, err
    rows = [row for row in result(tmp_path).loads if row.route == bare_loop.ROUTE]
    systems = ["ONNX Runtime, bare loop onnx_int8", "OpenVINO, bare loop openvino_int8"]
    assert [(row.system, row.level) for row in rows] == [(a, n) for a in systems for n in (1, 3)]
    for one_by_one, at_once in (rows[:2], rows[2:]):
        assert sum(one_by_one.latencies) == pytest.approx(1000 * one_by_one.seconds)
        assert len(at_once.latencies) == 3
        assert set(at_once.latencies) == {1000 * at_once.seconds}


@pytest.mark.parametrize("variant", ["onnx_int8", "electra_qa_openvino_int8"])
def test_a_bare_loop_computes_what_a_row_alone_has(
    repository: Path, tokenizer: Tokenizer, variant: str
) -> None:
    compute = bare_loop.load_model(repository, variant)
    windows = bare_loop.make_all_windows(tokenizer, read_questions(SAMPLE, 5), 384)
    together = compute(vars(join(windows)))
    alone = [compute(vars(join([each]))) for each in windows]
    for found, each in zip(together, zip(*alone, strict=True), strict=True):
        # several are computed by one thread each, and one alone by all threads
        np.testing.assert_allclose(found, np.concatenate(each), atol=0.03)


def test_a_bare_loop_names_what_it_cannot_run(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(LoadTestError, match="savedmodel_fp32 has no bare loop; there is one"):
        bare_loop.load_model(repository, "savedmodel_fp32")
    folder = tmp_path / "electra_qa_openvino_int8"
    with pytest.raises(LoadTestError, match=f"{folder}/config.pbtxt: .*; run make export"):
        bare_loop.load_model(tmp_path, "openvino_int8")
    folder.mkdir()
    shutil.copy(repository / folder.name / "config.pbtxt", folder)
    with pytest.raises(LoadTestError, match=f"did not run: .* no {folder}/1/model.xml; run make"):
        bare_loop.measure("openvino_int8", tmp_path, SAMPLE, 1, 384)


def test_a_bare_loop_has_threads_of_its_own_and_only_its_runtime() -> None:
    program = "import sys, loadtest.baselines.bare_loop; print(*sys.modules)"
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, check=True)
    unwanted = {"gevent", "locust", "onnxruntime", "openvino", "export"}
    assert not unwanted & set(done.stdout.decode().split())


def test_a_gateway_of_openvino_has_its_ceiling_too() -> None:
    assert bare_loop.beside("onnx_fp32") == ["onnx_int8"]
    assert bare_loop.beside("openvino_bf16") == ["onnx_int8", "openvino_bf16"]


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
