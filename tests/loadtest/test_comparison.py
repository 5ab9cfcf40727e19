"""The interval of a ratio, against ratios that are known, and which rounds are compared."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from loadtest.errors import LoadTestError
from loadtest.report.comparison import FEWEST_FOR_P99, Round, compare
from loadtest.report.sides import doubts, interleaved, matched, read_side
from loadtest.result import write_result
from tests.loadtest.results import GPU, batch_row, bench, load, run, versus

TRUE = 0.9
TRIALS = 300


def rounds(
    generator: np.random.Generator, drift: NDArray[np.float64], median: float, noise: float
) -> list[Round]:
    """Rounds of a machine that is slower by ``drift`` (logarithms) for whoever runs in them."""
    made = []
    for slower in drift + generator.normal(0, noise, len(drift)):
        samples = median * generator.lognormal(slower, 0.25, FEWEST_FOR_P99)
        made.append(Round(tuple(samples), 1e3 / samples.mean()))
    return made


@pytest.mark.parametrize("noise", [0.0, 0.05], ids=["alike", "unlike"])
@pytest.mark.parametrize("number", [2, 4])
def test_the_true_ratio_is_inside_nineteen_times_of_twenty(number: int, noise: float) -> None:
    generator = np.random.default_rng(number)
    inside = {"p50": 0, "p99": 0, "throughput": 0}
    for _ in range(TRIALS):
        drift = generator.normal(0, 0.1, number)
        a = rounds(generator, drift, 20 * TRUE, noise)
        compared = compare(a, rounds(generator, drift, 20, noise), paired=True)
        assert compared.p99
        for name, ratio, true in (
            ("p50", compared.p50, TRUE),
            ("p99", compared.p99, TRUE),
            ("throughput", compared.throughput, 1 / TRUE),
        ):
            assert ratio.interval
            inside[name] += ratio.interval[0] <= true <= ratio.interval[1]
    # 0.95 within three standard errors; latencies may be surer, as the wider interval is taken
    assert all(share / TRIALS >= 0.91 for share in inside.values()), inside
    assert inside["throughput"] / TRIALS <= 0.985


def test_rounds_that_took_turns_cancel_the_drift_of_the_machine() -> None:
    generator = np.random.default_rng(0)
    drift = generator.normal(0, 0.5, 5)
    a, b = (rounds(generator, drift, median, 0.01) for median in (20 * TRUE, 20))
    paired, apart = (compare(a, b, paired).p50 for paired in (True, False))
    assert paired.verdict == "A is lower"
    assert apart.verdict == "inside the noise"


def test_the_same_is_inside_the_noise() -> None:
    generator = np.random.default_rng(1)
    verdicts = []
    for _ in range(TRIALS):
        a, b = (rounds(generator, np.zeros(4), 20, 0.03) for _ in "ab")
        verdicts.append(compare(a, b, paired=True).p50.verdict)
    assert verdicts.count("inside the noise") >= 0.91 * TRIALS


def test_one_round_tells_nothing_and_few_samples_no_p99() -> None:
    one = [Round((10.0,) * FEWEST_FOR_P99, 100)]
    compared = compare(one, one, paired=True)
    assert compared.p50.value == pytest.approx(1)
    assert compared.p50.interval is None
    assert "cannot be told from noise" in compared.throughput.verdict
    few = [Round((10.0,) * (FEWEST_FOR_P99 - 1), 100)]
    assert compared.p99
    assert compare(one, few, paired=True).p99 is None


def test_rounds_that_do_not_pair() -> None:
    one = Round((1.0,), 1)
    with pytest.raises(ValueError, match="1 and 2"):
        compare([one], [one, one], paired=True)
    with pytest.raises(ValueError, match="1 and 0"):
        compare([one], [], paired=False)


def test_two_variants_of_one_run(tmp_path: Path) -> None:
    path = write_result(bench(), tmp_path)
    a, b = (read_side(f"{path}:{name}") for name in ("onnx_int8", "onnx_fp32"))
    assert list(doubts(a, b)) == []
    compared = matched(a, b)
    assert list(compared) == [f"batch {batch}, padded, 384 tokens" for batch in (1, 128, 256, 512)]
    for each in compared.values():
        assert each.p50.value == pytest.approx(0.5)  # the same noise on half the median
        assert each.throughput.value == pytest.approx(2)
        assert each.p99 is None


def test_two_systems_of_one_run(tmp_path: Path) -> None:
    path = write_result(versus(), tmp_path)
    a, b = (read_side(f"{path}:{name}") for name in ("gateway onnx_int8", "transformers pipeline"))
    (compared,) = matched(a, b).values()
    assert compared.p50.verdict == "A is lower"
    assert compared.p99
    assert compared.p99.verdict == "A is lower"
    assert compared.throughput.verdict == "inside the noise"  # both answered as many


def test_runs_in_alternation_and_one_after_the_other(tmp_path: Path) -> None:
    paths = [
        write_result(replace(run("bench", minute=minute), batches=(row,)), tmp_path)
        for minute in range(4)
        for row in [batch_row("onnx_fp32", 1, 20 - 2 * (minute % 2), rounds=1, seed=minute)]
    ]
    a, b = read_side(f"{paths[0]},{paths[2]}"), read_side(f"{paths[1]},{paths[3]}")
    assert interleaved(a, b)
    assert list(doubts(a, b)) == []
    (compared,) = matched(a, b).values()
    assert compared.p50.interval
    early, late = read_side(f"{paths[0]},{paths[1]}"), read_side(f"{paths[2]},{paths[3]}")
    assert not interleaved(early, late)
    assert "did not take turns" in " ".join(doubts(early, late))


def test_what_differs_is_said(tmp_path: Path) -> None:
    cpu = write_result(bench(), tmp_path)
    other = replace(run("other", GPU), batches=bench().batches, partial="interrupted")
    gpu = write_result(replace(other, checkpoint="random"), tmp_path)
    a, b = read_side(str(cpu)), read_side(str(gpu))
    said = " ".join(doubts(a, b))
    assert "devices differ: AMD EPYC 9B45, NVIDIA A100-SXM4-40GB" in said
    assert "checkpoints differ: electra-mini-squad, random" in said
    assert "other is partial" in said
    # several names on each side are matched by name
    assert "onnx_int8: batch 1, padded, 384 tokens" in matched(a, b)


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    batches, loads = (write_result(result, tmp_path) for result in (bench(), load()))
    with pytest.raises(LoadTestError, match="no onnx_fp8; known are: onnx_fp32, onnx_int8"):
        read_side(f"{batches}:onnx_fp8")
    with pytest.raises(LoadTestError, match=r"nothing was measured on both sides: .*batch 1.*user"):
        matched(read_side(str(batches)), read_side(str(loads)))
    with pytest.raises(LoadTestError, match="known are: none"):
        read_side(str(write_result(run("empty"), tmp_path)))
    with pytest.raises(LoadTestError, match="cannot be read"):
        read_side(f"{tmp_path / 'none.json'}:onnx_fp32")
