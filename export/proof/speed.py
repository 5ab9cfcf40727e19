"""The speed of the variants here: the model alone, all of them taking turns in one run."""

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from embedded.gpu import Gpu
from embedded.report import Speed
from export.proof.parity import ReferenceQuestion
from export.proof.runtime import Backend, load_backend
from export.variants import Variant
from export.windows import Tensors, stack
from qa.tensors import INPUTS

WINDOWS, GPU_WINDOWS = 12, 256  # of a batch
SINGLE_WINDOWS = 4
LEAST_ROUNDS, MOST_ROUNDS = 3, 7
BUDGET_SECONDS = 10.0  # after which no further round begins


def measure_speed(
    files: Mapping[Variant, Path],
    questions: Sequence[ReferenceQuestion],
    sequence_length: int,
    gpu: Gpu | None = None,
) -> dict[str, Speed]:
    """Return the speed of each variant by its model's name, on ``gpu`` or, if None, on the CPU.

    ``files`` are the model files of the variants. Every round computes the same windows of SQuAD
    with each variant in turn, some one by one and then all together, as the backends do: sorted
    by length, in sub-batches, without padding.
    """
    models = {
        variant.model_name: load_backend(variant, path, sequence_length, gpu)
        for variant, path in files.items()
    }
    batch = _batch(questions, GPU_WINDOWS if gpu else WINDOWS)
    for model in models.values():
        _round(model, batch)  # warms up
    rounds: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in models}
    begun = time.perf_counter()
    for number in range(MOST_ROUNDS):
        if number >= LEAST_ROUNDS and time.perf_counter() - begun > BUDGET_SECONDS:
            break
        for name, model in models.items():
            rounds[name].append(_round(model, batch))
    return {name: _speed(found) for name, found in rounds.items()}


def _batch(questions: Sequence[ReferenceQuestion], windows: int) -> Tensors:
    """Return so many windows of ``questions``, repeated if there are fewer."""
    every = stack([each.windows for each in questions])
    return {name: np.resize(rows, (windows, rows.shape[1])) for name, rows in every.items()}


def _round(model: Backend, batch: Tensors) -> tuple[float, list[float]]:
    """Return windows per second of the whole batch, and the seconds of single windows."""
    windows = len(batch[INPUTS[0]])
    singles = [
        _seconds(model, {name: values[row : row + 1] for name, values in batch.items()})
        for row in range(min(SINGLE_WINDOWS, windows))
    ]
    return windows / _seconds(model, batch), singles


def _seconds(model: Backend, inputs: Tensors) -> float:
    started = time.perf_counter()
    model(inputs)
    return time.perf_counter() - started


def _speed(rounds: Sequence[tuple[float, list[float]]]) -> Speed:
    rates = [rate for rate, _ in rounds]
    singles = [seconds for _, every in rounds for seconds in every]
    return Speed(
        windows_per_second=statistics.median(rates),
        lowest=min(rates),
        highest=max(rates),
        batch_1_ms=1000 * statistics.median(singles),
        rounds=len(rounds),
    )
