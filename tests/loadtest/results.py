"""Handmade results of every kind of run."""

from dataclasses import replace
from typing import Literal

import numpy as np

from loadtest.result import (
    Accuracy,
    BatchRow,
    Device,
    Environment,
    LoadGenRow,
    LoadRow,
    Peak,
    Result,
    Slo,
    TritonSplit,
)

CPU = Device("cpu", "AMD EPYC 9B45", 2, 24 * 2**30)
GPU = Device("gpu", "NVIDIA A100-SXM4-40GB", 1, 40 * 2**30, "550.54", {"sm": 1410, "memory": 1215})
ACCURACY = Accuracy(72.43, 82.11, 10570, "report.json")


def latencies(median: float, count: int, seed: int, spread: float = 0.2) -> tuple[float, ...]:
    """Samples of a lognormal distribution, ms."""
    drawn = np.random.default_rng(seed).lognormal(np.log(median), spread, count)
    return tuple(float(each) for each in drawn)


def run(name: str, device: Device = CPU, minute: int = 0) -> Result:
    """A run that has measured nothing yet."""
    environment = Environment(
        device=device,
        versions={"triton": "2.66.0", "onnxruntime": "1.32.0"},
        command=("python", "-m", "loadtest", name),
        commit="0123abc-dirty",
        started=f"2026-01-02T03:{minute:02}:00+00:00",
        load_average=0.25,
    )
    return Result(name, environment, "electra-mini-squad", "dev-v1.1.json, 2000 questions")


def batch_row(variant: str, batch: int, median: float, rounds: int = 3, seed: int = 0) -> BatchRow:
    """A row of 30 batches a round; everything optional was measured."""
    samples = tuple(latencies(median * batch, 30, seed + each) for each in range(rounds))
    return BatchRow(
        variant=variant,
        batch=batch,
        sequence_length=384,
        input="padded",
        clients=1,
        rounds=samples,
        seconds=sum(map(sum, samples)) / 1e3,
        warmup_batches=6,
        settled=True,
        real_tokens=30 * rounds * batch * 384,
        flop=30 * rounds * batch * 1e10,
        split=TritonSplit(0.1, 0.2, 0.9 * median * batch, 0.3),
        accuracy=ACCURACY,
        peak=Peak("fp32", 0.9),
    )


def level_row(
    system: str,
    loop: Literal["closed", "open"],
    level: float,
    number: int = 0,
    median: float = 20,
    seed: int = 0,
) -> LoadRow:
    """A round of 200 answers; everything optional was measured."""
    characters = np.random.default_rng(seed).integers(150, 3500, 200)
    return LoadRow(
        system=system,
        route="/answer",
        loop=loop,
        level=level,
        round=number,
        seconds=10,
        settled=True,
        latencies=latencies(median, 200, seed),
        context_characters=tuple(int(each) for each in characters),
        failures={"429": 7, "503": 0},
        wrong=0,
        stages={"tokenize": 1.0, "queue": 2.0, "infer": 12.0, "decode": 1.0, "total": 17.0},
        send_delay=0.5,
        padding_ratio=0.55,
        mean_batch=2.5,
    )


def bench() -> Result:
    """Two variants at the batches of NVIDIA's tables."""
    rows = [
        batch_row(variant, batch, median)
        for variant, median in (("onnx_fp32", 30.0), ("onnx_int8", 15.0))
        for batch in (1, 128, 256, 512)
    ]
    return replace(run("bench"), batches=tuple(rows))


def load() -> Result:
    """A gateway in both loops, with the highest rate that held."""
    closed = [level_row("gateway onnx_int8", "closed", users) for users in (1, 2, 4)]
    arrivals = [level_row("gateway onnx_int8", "open", rate) for rate in (5, 10)]
    return replace(run("slo", minute=1), loads=(*closed, *arrivals), slo=Slo(130, 48.2, 47.7, 69.4))


def versus() -> Result:
    """A gateway and a baseline, in three rounds that took turns."""
    rows = [
        level_row(system, "closed", 4, number, median, seed=10 * place + number)
        for number in range(3)
        for place, (system, median) in enumerate(
            {"gateway onnx_int8": 20.0, "transformers pipeline": 90.0}.items()
        )
    ]
    theirs = Accuracy(72.5, 82.2, 200, "measured in the run")
    accuracies = {"gateway onnx_int8": ACCURACY, "transformers pipeline": theirs}
    return replace(run("versus", minute=2), loads=tuple(rows), accuracies=accuracies)


def loadgen() -> Result:
    """Two of LoadGen's scenarios, one of them invalid."""
    rows = (
        LoadGenRow(
            "SingleStream", "onnx_int8", True, {"Result is": "VALID"}, (9.0, 10.0), 1, None, True
        ),
        LoadGenRow("Server", "onnx_int8", False, {"Result is": "INVALID"}, (), 1, 45, False),
    )
    return replace(run("loadgen", minute=3), loadgen=rows)
