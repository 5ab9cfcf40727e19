"""ONNX Runtime without a server: the time of a batch by every way to cut and run it."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from tokenizers import Tokenizer

from embedded.backends.lanes import Model
from embedded.backends.model_file import request_shape
from embedded.backends.providers import wanted_providers
from embedded.backends.rows import ON_CPU, compute_rows, on_gpu
from embedded.gpu import serving_gpu
from loadtest.batches.inputs import Rows, make_rows
from loadtest.errors import LoadTestError
from loadtest.exported import backend_args
from qa import tensors
from qa.squad import Example

Inputs = dict[str, NDArray[np.int32]]

LEAST = 5  # runs
SHAPES = (65, 129, 193, 257, 321)  # lengths of windows that were not run before


def session_table(
    folder: Path,
    tokenizer: Tokenizer,
    questions: Sequence[Example],
    batches: Sequence[int],
    seconds: float,
) -> Table:
    """Time the ONNX model in ``folder`` on the windows of ``questions``; return the table.

    It runs on the GPU where there is one. Each way runs for ``seconds``, and at least five times.
    Raises LoadTestError when there is no such model, or the GPU cannot be used.
    """
    kind = "GPU" if serving_gpu() else "CPU"
    args = backend_args(folder) | {"model_instance_kind": kind, "model_instance_device_id": "0"}
    rows = make_rows("squad", tokenizer, questions, request_shape(args).sequence_length)
    table = Table("batch", "cut for", "bound", "ms", "windows/s", title=folder.name)
    for cells in _timed(args, rows, batches, seconds):
        table.add_row(*cells)
    return table


def _timed(
    args: dict[str, str], rows: Rows, batches: Sequence[int], seconds: float
) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each row."""
    from embedded.backends import onnx_session  # its import takes a second

    path = Path(args["model_repository"], args["model_version"], "model.onnx")
    if not path.is_file():
        raise LoadTestError(f"there is no {path}; run make export")
    try:
        providers = wanted_providers(args, onnx_session.available_providers())
        session = onnx_session.start_session(path, providers, len(os.sched_getaffinity(0)))
    except RuntimeError as error:
        raise LoadTestError(str(error)) from error
    models = {"no": onnx_session.plain(session), "yes": onnx_session.bound(session)}
    cuttings = {"a CPU": ON_CPU, "a GPU": on_gpu(request_shape(args))}
    for batch in batches:
        inputs = _inputs(rows, batch)
        for device, cutting in cuttings.items():
            for is_bound, model in models.items():

                def run(model: Model = model, cutting: Any = cutting) -> None:
                    compute_rows(inputs, model, cutting)  # noqa: B023 - called at once

                ms = _milliseconds(run, seconds)
                yield str(batch), device, is_bound, f"{ms:.3f}", f"{1000 * batch / ms:.1f}"
    for length in (each for each in SHAPES if each < rows.input_ids.shape[1]):
        short = {name: values[:, :length] for name, values in _inputs(rows, 8).items()}
        first, second = (_once(lambda: models["yes"](short)) for _ in range(2))  # noqa: B023
        yield f"8 x {length}", "new shape", "yes", f"{first:.1f}, then {second:.3f}", ""


def _inputs(rows: Rows, batch: int) -> Inputs:
    taken = rows.take(np.arange(batch) % len(rows))
    return {name: getattr(taken, name) for name in tensors.INPUTS}


def _once(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - started)


def _milliseconds(run: Callable[[], object], seconds: float) -> float:
    """Return the median of the runs in ``seconds``, without the first."""
    run()
    begun, found = time.perf_counter(), list[float]()
    while len(found) < LEAST or time.perf_counter() - begun < seconds:
        found.append(_once(run))
    return statistics.median(found)
