"""``python -m loadtest bench`` as a user runs it, with a real Triton and very little patience."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded.ports import free_ports
from embedded.server import EmbeddedTriton, run_triton
from loadtest.batches.flop import read_config, window_flop
from loadtest.result import Result, read_result
from qa.windows import SPECIAL_TOKENS_PER_WINDOW
from tests.conftest import CHECKPOINT, ROOT

pytestmark = pytest.mark.thorough

PATIENCE_SECONDS = 120
QUICK = ("--batches-per-row", "3", "--seconds", "1", "--warmup-seconds", "0", "--questions", "4")
ENDLESS = ("--batches-per-row", "1000000", "--seconds", "3600", "--questions", "1")
MODEL = "electra_qa_onnx_int8"


def command(repository: Path, *options: str) -> list[str]:
    given = (*("--repository", str(repository)), *options)
    return [sys.executable, "-m", "loadtest", "bench", *given]


def run(repository: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(repository, *options),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE_SECONDS,
    )


def only_result(folder: Path) -> Result:
    (path,) = folder.glob("*.json")
    return read_result(path)


@pytest.fixture(scope="module")
def triton(repository: Path) -> Iterator[EmbeddedTriton]:
    """A Triton that runs already, with one model."""
    with run_triton(repository, [MODEL], free_ports(), start_seconds=60, grace_seconds=5) as found:
        yield found


def test_a_table_of_two_variants_in_interleaved_rounds(repository: Path, tmp_path: Path) -> None:
    done = run(
        repository,
        *("--variants", "onnx_fp32 onnx_int8", "--batches", "1 2", "--rounds", "2", *QUICK),
        *("--input", "squad", "--results", str(tmp_path)),
    )
    assert done.returncode == 0, done.stderr
    result = only_result(tmp_path)
    assert result.partial is None
    assert result.checkpoint.endswith(CHECKPOINT.name)
    assert result.environment.versions["triton"].startswith("2.")
    assert [(row.variant, row.batch) for row in result.batches] == [
        *(("onnx_fp32", 1), ("onnx_fp32", 2), ("onnx_int8", 1), ("onnx_int8", 2)),
    ]
    shape = read_config(CHECKPOINT / "config.json")
    for row in result.batches:
        assert len(row.rounds) == 2
        assert all(1 <= len(each) <= 3 for each in row.rounds)
        windows = len(row.samples) * row.batch
        assert SPECIAL_TOKENS_PER_WINDOW * windows < row.real_tokens < 384 * windows
        assert 0 < row.flop < windows * window_flop(shape, 384)
        assert sum(row.samples) <= 1000 * row.seconds
        assert row.split is not None
        # Triton's own times are within those that the client saw, but for what the backend does
        # once it has answered: an execution ends a moment after its last answer left
        seen = sum(row.samples) / len(row.samples)
        assert 0 < sum(vars(row.split).values()) < 1.1 * seen
        assert row.accuracy is not None
        assert row.accuracy.questions == 4
        assert row.accuracy.f1 > 50
        assert row.peak is not None
        assert row.peak.measured is not None
    for expected in ("p99", "onnx_int8", "A100", str(tmp_path)):
        assert expected in done.stdout.replace("\n", "")


def test_a_triton_that_runs_is_measured_and_keeps_its_model(
    repository: Path, triton: EmbeddedTriton, tmp_path: Path
) -> None:
    options = ("--variants", MODEL, "--batches", "1", "--clients", "2", *QUICK)
    for _ in range(2):
        done = run(repository, *options, "--url", triton.url, "--results", str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert "1x T4 16GB" in done.stdout
    found = [read_result(path) for path in tmp_path.glob("*.json")]
    for result in found:
        (row,) = result.batches
        assert (row.variant, row.clients, row.input) == ("onnx_int8", 2, "padded")
        assert row.real_tokens == len(row.samples) * 384


def test_a_batch_that_is_larger_than_the_config_has(
    repository: Path, triton: EmbeddedTriton, tmp_path: Path
) -> None:
    """A Triton that loads on request loads the model with a larger batch; others refuse it."""
    one = ("--batches-per-row", "1", "--seconds", "1", "--warmup-seconds", "0", "--questions", "1")
    options = ("--variants", MODEL, "--batches", "33", *one)
    refused(run(repository, *options, "--url", triton.url), "33", "32", "explicit")
    done = run(repository, *options, "--results", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (row,) = only_result(tmp_path).batches
    assert row.batch == 33


def test_an_unknown_variant_is_refused_with_those_that_are_known(
    repository: Path, triton: EmbeddedTriton
) -> None:
    for url in ((), ("--url", triton.url)):
        refused(run(repository, "--variants", "onnx_int3", *url), "electra_qa_onnx_int3", MODEL)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--url", "127.0.0.1:1"), ("127.0.0.1:1", "is it up")),
        (("--batches", "0"), ("--batches '0'", "whole numbers above 0")),
        (("--seq", "128"), ("384", "128", "--sequence-length")),
        (("--dataset", "missing.json"), ("missing.json",)),
        (("--dataset", "pyproject.toml"), ("pyproject.toml", "not a SQuAD file")),
        (("--config", "pyproject.toml"), ("pyproject.toml",)),
    ],
)
def test_bad_input_is_one_line(
    repository: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(run(repository, "--variants", "onnx_int8", *QUICK, *options), *words)


def test_a_repository_that_was_not_exported_is_one_line(tmp_path: Path) -> None:
    refused(run(tmp_path), "report.json", "make export")


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (error,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    for word in words:
        assert word in error


@contextmanager
def measuring(repository: Path, results: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run an endless measurement, which has measured something when the block begins."""
    process = subprocess.Popen(
        command(
            repository,
            *("--variants", "onnx_int8", "--batches", "1 2", "--warmup-seconds", "0"),
            *(*ENDLESS, "--results", str(results), *options),
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TTY_COMPATIBLE": "1", "COLUMNS": "120"},
    )
    try:
        assert process.stderr is not None
        deadline = time.monotonic() + PATIENCE_SECONDS
        seen = ""
        while "batch 1" not in seen and time.monotonic() < deadline:
            seen += process.stderr.read(1)
        time.sleep(2)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_what_was_measured_is_kept_when_it_is_interrupted(
    repository: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    with measuring(repository, tmp_path) as process:
        process.send_signal(sent)
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 128 + signal.SIGINT
    assert "partial: " in output
    assert "Traceback" not in errors
    assert "KeyboardInterrupt" not in errors
    assert errors.splitlines()[-1].endswith("interrupted")
    result = only_result(tmp_path)
    assert result.partial == "interrupted"
    (row,) = result.batches
    assert len(row.samples) > 0
    leftovers = [*Path("/dev/shm").glob(f"electra-qa-{process.pid}-*")]  # noqa: S108
    assert leftovers == []


def test_what_was_measured_is_kept_when_triton_vanishes(repository: Path, tmp_path: Path) -> None:
    ports = free_ports()
    with (
        run_triton(repository, [MODEL], ports, start_seconds=60, grace_seconds=5) as doomed,
        measuring(repository, tmp_path, "--url", doomed.url) as process,
    ):
        doomed.process.kill()
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "partial: " in output
    assert "Traceback" not in errors
    assert f"error: Triton at {doomed.url} does not answer" in errors
    result = only_result(tmp_path)
    assert result.partial is not None
    assert doomed.url in result.partial
    assert len(result.batches[0].samples) > 0
    assert json.loads(next(tmp_path.glob("*.json")).read_text())["batches"]
