"""The simulated queue against theory, and the arithmetic of what a rate needs."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loadtest.batches.inputs import read_tokenizer
from loadtest.capacity.need import Capacity, need, tensor_bytes
from loadtest.capacity.prediction import on_shared_cores, predict
from loadtest.capacity.simulation import FEW_LENGTHS, ONE_LENGTH, highest_rate, simulate
from loadtest.capacity.work import (
    BatchTime,
    QuestionCost,
    Work,
    fit_batches,
    published_batches,
    read_work,
    read_work_questions,
)
from loadtest.errors import LoadTestError
from loadtest.published import read_published
from loadtest.result import BatchRow, read_result
from loadtest.samples import summarize
from qa.squad import SAMPLE
from tests.conftest import CHECKPOINT, ROOT

SHORT = [QuestionCost(windows=1, tokens=100, longest=100)]
ALONE = replace(ONE_LENGTH, max_rows=1)
BENCHMARKS = ROOT / "docs" / "benchmarks" / "amd-epyc-2-cores"


def work(fixed: float, per_token: float = 0.0, around: float = 0.0, taken: float = 0.0) -> Work:
    return Work(BatchTime(fixed, per_token), around, taken)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_one_at_a_time_is_m_d_1(load: float) -> None:
    """Pollaczek and Khinchine: the mean wait is load * service / (2 * (1 - load))."""
    found = simulate(SHORT, work(0.01), load / 0.01, count=100_000, shape=ALONE)
    wait = np.mean(found.latencies) - 10
    assert wait == pytest.approx(10 * load / (2 * (1 - load)), rel=0.06)
    assert found.busy == pytest.approx(load, rel=0.02)
    assert found.mean_batch == 1


def test_questions_that_come_alone_wait_for_nobody() -> None:
    found = simulate(SHORT, work(0.002, 1e-5, around=0.004), 0.01, count=200)
    assert found.latencies == pytest.approx(np.full(200, 7.0))


def test_what_waits_is_the_next_batch() -> None:
    """A device that joins questions does more than one that takes them one by one."""
    rate = 3 / 0.01
    found = simulate(SHORT, work(0.01), rate, count=20_000)
    assert found.mean_batch == pytest.approx(3, rel=0.1)  # of each batch's 10 ms, what came in them
    assert found.percentile(100) <= 20.001  # the rest of one batch, and then its own


def test_batches_have_no_more_rows_than_they_may() -> None:
    found = simulate(
        [QuestionCost(4, 400, 100)],
        work(0.01),
        2000,
        count=2_000,
        shape=replace(ONE_LENGTH, max_rows=8),
    )
    assert found.mean_batch == pytest.approx(8, rel=0.02)
    alone = simulate([QuestionCost(40, 400, 10)], work(0.01), 10, count=50)
    assert alone.mean_batch == 40  # a request is never split


def test_only_requests_of_one_length_are_joined() -> None:
    """With four lengths at random, the next question ends the batch three times in four."""
    lengths = [QuestionCost(1, length, length) for length in (60, 120, 180, 240)]
    joined = simulate(lengths, work(0.01), 1000, count=2_000)
    apart = simulate(lengths, work(0.01), 1000, count=2_000, shape=FEW_LENGTHS)
    assert joined.mean_batch == pytest.approx(10, rel=0.1)
    assert apart.mean_batch == pytest.approx(4 / 3, rel=0.1)


def test_servers_share_the_work() -> None:
    one = simulate(SHORT, work(0.01), 80, count=20_000, shape=ALONE)
    two = simulate(SHORT, work(0.01), 160, count=40_000, shape=ALONE, servers=2)
    assert two.busy == pytest.approx(one.busy, rel=0.03)
    assert two.percentile(99) < one.percentile(99)  # a long queue goes to the other


def test_work_on_the_same_cores_takes_from_the_device() -> None:
    apart = simulate(SHORT, work(0.01, around=0.01), 60, shape=ALONE)
    shared = simulate(SHORT, work(0.01, around=0.01, taken=0.005), 60, shape=ALONE)
    assert shared.busy == pytest.approx(1.5 * apart.busy, rel=0.01)


def test_highest_rate() -> None:
    rate = highest_rate(SHORT, work(0.01, around=0.005), 30)
    assert simulate(SHORT, work(0.01, around=0.005), rate).percentile(99) <= 30
    assert highest_rate(SHORT, work(0.05), 40) == pytest.approx(0, abs=0.01)


def row(batch: int, milliseconds: float) -> BatchRow:
    return BatchRow(
        variant="onnx_int8",
        batch=batch,
        sequence_length=384,
        input="squad",
        clients=1,
        rounds=((milliseconds, milliseconds),),
        seconds=1,
        warmup_batches=1,
        settled=True,
        real_tokens=2 * batch * 150,
        flop=0,
        split=None,
        accuracy=None,
        peak=None,
    )


def test_time_of_a_batch_is_a_line_over_its_tokens() -> None:
    found = fit_batches([row(batch, 3 + 0.02 * 150 * batch) for batch in (1, 4, 16)])
    assert found.fixed == pytest.approx(0.003)
    assert found.per_token == pytest.approx(2e-5)
    with pytest.raises(LoadTestError, match="two sizes"):
        fit_batches([row(1, 5), row(1, 6)])


def test_published_tables() -> None:
    """The line goes through NVIDIA's own rows."""
    for table in read_published().tables:
        batch = published_batches(table, 384)
        for each in (table.rows[0], table.rows[-1]):
            assert batch.seconds(each.batch * 384) == pytest.approx(each.batch / each.throughput)


def test_need() -> None:
    capacity = Capacity(device_rate=100, core_rate=400, core_load=0.5)
    asked = [QuestionCost(1, 100, 100), QuestionCost(2, 300, 200)]
    found = need(1000, capacity, asked, FEW_LENGTHS, json=1000)
    assert (found.devices, found.gateway_cores) == (11, 6)
    # of each position, three int32 and two float32
    assert tensor_bytes(asked[0], FEW_LENGTHS) == 128 * 20
    assert tensor_bytes(asked[0], ONE_LENGTH) == 384 * 20
    assert found.triton_bytes == 1000 * (128 + 2 * 256) * 20 / 2
    assert found.client_bytes == 1e6


def test_figures_of_the_docs() -> None:
    """docs/scaling.md compares what was measured with what is simulated."""
    alone, batches, opened = (
        read_result(next(BENCHMARKS.glob(name)))
        for name in ("*load-closed*", "*3108*bench*", "*load-open*")
    )
    tokenizer = read_tokenizer(CHECKPOINT / "tokenizer.json")
    questions = read_work_questions(SAMPLE, tokenizer, 384)
    rows = [each for each in batches.batches if each.variant == "openvino_int8"]
    work = on_shared_cores(read_work(rows, alone.loads[0], questions), 2)
    text = (ROOT / "docs" / "scaling.md").read_text()
    for point in predict(opened.loads, questions, work):
        measured, simulated = summarize(point.row.latencies), point.simulated
        assert point.row.mean_batch is not None
        assert (
            f"| {point.row.level:g} | {measured.p50:.1f} ms | {simulated.percentile(50):.1f} "
            f"| {measured.p99:.1f} ms | {simulated.percentile(99):.1f} "
            f"| {point.row.mean_batch:.2f} | {simulated.mean_batch:.2f} |"
        ) in text


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "loadtest", "capacity", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    files = [next(BENCHMARKS.glob(name)) for name in ("*3108*bench*", "*load-closed*")]
    opened = next(BENCHMARKS.glob("*load-open*"))
    plot = tmp_path / "plot.png"
    options = ("--repository", str(CHECKPOINT), "--plot", str(plot))
    done = run(*map(str, files), str(opened), *options, "--rates", "1000")
    assert done.returncode == 0, done.stderr
    assert "1x A100 40GB, fp16, ELECTRA-base, published by NVIDIA" in done.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")
    done = run(str(opened), *options)
    assert done.returncode == 1
    assert "a bench of the same variant" in done.stderr
    done = run(*map(str, files), *options, "--rates", "many")
    assert "error: --rates 'many'" in done.stderr
