"""A bare loop over a variant's runtime, without any server: the ceiling of what one can reach.

It computes the windows of the same questions as the backends do, in this process: sorted by
length, in sub-batches, trimmed to their longest. Neither tokenizing nor reading spans is timed.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from embedded.backends.rows import Model, compute_rows
from loadtest.batches.inputs import join
from loadtest.errors import LoadTestError
from loadtest.exported import model_name
from loadtest.load.questions import Question
from loadtest.result import LoadRow
from qa import tensors
from qa.windows import Windows, make_windows

ROUTE = "no server"


def load_onnx(repository: Path, variant: str) -> Model:
    """Load a variant's ``model.onnx`` on the CPU, with as many threads as it may use cores.

    Raises LoadTestError when it is no ONNX variant, or was not exported.
    """
    import onnxruntime  # takes a second, and not every command needs it

    path = repository / model_name(variant) / "1" / "model.onnx"
    if not path.is_file():
        raise LoadTestError(
            f"the bare loop runs ONNX variants that are exported; there is no {path}"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    session = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"], enable_fallback=False
    )
    return lambda inputs: tuple(session.run(list(tensors.OUTPUTS), dict(inputs)))


def run(
    model: Model, windows: Sequence[Windows], questions: Sequence[Question], variant: str
) -> tuple[LoadRow, LoadRow]:
    """Return a row of the questions one by one, as of one user, and one of all at once.

    Of all at once, every answer's latency is that of the whole, as in MLPerf's Offline scenario.
    """
    _seconds(model, windows[:1])  # the first pays for what is allocated once
    _seconds(model, windows)
    one_by_one = [_seconds(model, [each]) for each in windows]
    at_once = _seconds(model, windows)
    return (
        _row(variant, questions, 1, sum(one_by_one), one_by_one),
        _row(variant, questions, len(windows), at_once, [at_once] * len(windows)),
    )


def make_all_windows(
    tokenizer: Tokenizer, questions: Sequence[Question], sequence_length: int
) -> list[Windows]:
    """Return the windows of each question."""
    return [
        make_windows(tokenizer, each.question, each.context, sequence_length=sequence_length)
        for each in questions
    ]


def _seconds(model: Model, windows: Sequence[Windows]) -> float:
    inputs = vars(join(windows))
    started = time.perf_counter()
    compute_rows(inputs, model)
    return time.perf_counter() - started


def _row(
    variant: str,
    questions: Sequence[Question],
    level: int,
    seconds: float,
    latencies: Sequence[float],
) -> LoadRow:
    return LoadRow(
        system=f"ONNX Runtime, bare loop {variant}",
        route=ROUTE,
        loop="closed",
        level=level,
        round=0,
        seconds=seconds,
        settled=True,
        latencies=tuple(1000 * each for each in latencies),
        context_characters=tuple(len(each.context) for each in questions),
        failures={},
        wrong=0,
        stages={},
        send_delay=0.0,
    )
