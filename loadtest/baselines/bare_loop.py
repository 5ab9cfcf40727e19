"""A bare loop over a variant's runtime, without a server: the ceiling of what a server can reach.

It computes the windows of the same questions with the code of the backends on a CPU. It times
neither the tokenizer nor the reading of spans.

``python -m loadtest.baselines.bare_loop`` is a process of its own, without Locust and gevent, which
would make threads that compute side by side take turns.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import typer
from pydantic import TypeAdapter
from tokenizers import Tokenizer

from embedded.backends.lanes import Model
from embedded.backends.model_file import model_path, parameters, thread_count
from embedded.report import TOKENIZER
from loadtest import child
from loadtest.batches.inputs import join, read_tokenizer
from loadtest.errors import LoadTestError
from loadtest.exported import PREFIX, backend_args, model_name
from loadtest.load.questions import Question, read_questions
from loadtest.result import LoadRow
from loadtest.stop import ending
from qa.windows import Windows, make_windows

ROUTE = "no server"

#: By format, which is the first word of a variant's name.
RUNTIMES = {"onnx": "ONNX Runtime", "openvino": "OpenVINO"}

#: Always computed, so that results can be compared.
USUAL = "onnx_int8"

ROWS = TypeAdapter(tuple[LoadRow, ...])  # how the process hands over its rows


def beside(variant: str) -> list[str]:
    """Return the variants whose bare loops belong beside a gateway that serves ``variant``."""
    return [USUAL, variant] if variant.startswith("openvino_") else [USUAL]


def measure(
    variant: str, repository: Path, dataset: Path, questions: int, sequence_length: int
) -> tuple[LoadRow, ...]:
    """Return the rows of ``run``, measured in a process of its own.

    ``questions`` is how many of ``dataset`` are computed. Raises LoadTestError, with the last line
    of the process's stderr, when it fails.
    """
    arguments = (variant, repository, dataset, str(questions), str(sequence_length))
    try:
        return ROWS.validate_json(child.run("loadtest.baselines.bare_loop", *arguments))
    except LoadTestError as error:
        raise LoadTestError(f"the bare loop of {variant} did not run: {error}") from error


def main(
    variant: str, repository: Path, dataset: Path, questions: int, sequence_length: int
) -> None:
    """Print the rows as JSON."""
    compute = load_model(repository, variant)
    asked = read_questions(dataset, questions)
    windows = make_all_windows(read_tokenizer(repository / TOKENIZER), asked, sequence_length)
    print(ROWS.dump_json(run(compute, windows, asked, variant)).decode())


def load_model(repository: Path, variant: str) -> Model:
    """Return a function that computes a batch of ``variant`` as its backend does on a CPU.

    The function takes the contract's inputs, int32 ``[rows, length]``, and returns start and end
    logits, float32 ``[rows, length]``. Raises LoadTestError when no bare loop runs the variant's
    format, or when its files are missing.
    """
    kind = format_of(variant)
    args = backend_args(repository / model_name(variant))
    path, threads = model_path(args), thread_count(args)
    if not path.exists():
        raise LoadTestError(f"the variant is not exported: there is no {path}; run make export")
    # imported here, as each takes a second
    if kind == "openvino":
        from embedded.backends import openvino_ir

        return openvino_ir.load_on_cpu(path, parameters(args), threads)
    from embedded.backends import onnx_session

    return onnx_session.load_on_cpu(path, threads)


def format_of(variant: str) -> str:
    """Return the format of ``variant``; raises LoadTestError when no bare loop runs it."""
    kind = variant.removeprefix(PREFIX).partition("_")[0]
    if kind not in RUNTIMES:
        raise LoadTestError(
            f"{variant} has no bare loop; there is one for variants of {' and '.join(RUNTIMES)}"
        )
    return kind


def run(
    compute: Model, windows: Sequence[Windows], questions: Sequence[Question], variant: str
) -> tuple[LoadRow, LoadRow]:
    """Return a row of the questions one by one, as one user asks, and a row of all at once.

    In the second, each answer has the latency of the whole, as in MLPerf's Offline scenario.
    """
    for _ in range(2):  # the first round allocates memory and prepares kernels
        one_by_one = [_seconds(compute, [each]) for each in windows]
        at_once = _seconds(compute, windows)
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


def _seconds(compute: Model, windows: Sequence[Windows]) -> float:
    inputs = vars(join(windows))
    started = time.perf_counter()
    compute(inputs)
    return time.perf_counter() - started


def _row(
    variant: str,
    questions: Sequence[Question],
    level: int,
    seconds: float,
    latencies: Sequence[float],
) -> LoadRow:
    return LoadRow(
        system=f"{RUNTIMES[format_of(variant)]}, bare loop {variant}",
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


if __name__ == "__main__":
    typer.run(ending(main))
