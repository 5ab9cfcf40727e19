"""``versus``: the gateway beside what a user would use instead, in the same run."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loadtest.baselines import bare_loop
from loadtest.baselines.server import NAME, PYTHON, pipeline_at
from loadtest.batches.inputs import read_examples
from loadtest.commands.baseline import PORT
from loadtest.commands.compare import ratio_table
from loadtest.commands.options import (
    MODELS,
    Dataset,
    ModelName,
    Python,
    Questions,
    Repository,
    Results,
    numbers,
)
from loadtest.device import environment
from loadtest.load.answers import check_answers
from loadtest.load.gateway import gateway_at
from loadtest.load.measurement import Measurement, System
from loadtest.load.processes import locust_environment
from loadtest.load.questions import read_questions
from loadtest.load.rows import Level
from loadtest.load.tables import versus_table
from loadtest.load.users import AnswerUser
from loadtest.load.versus import BATCHED, accuracy_of, batched, take_turns
from loadtest.report.sides import matched, side_of
from loadtest.result import FOLDER, LoadRow, Result, write_result
from loadtest.stop import interrupt_me, raise_again, stoppable
from pages.terminal import terminal
from qa.squad import SAMPLE


def versus(
    users: Annotated[
        str, typer.Option(envvar="USERS", help="Users of the closed loop, in steps.")
    ] = "1 8",
    rounds: Annotated[
        int, typer.Option(envvar="ROUNDS", min=1, help="Rounds, each with all systems in turn.")
    ] = 3,
    seconds: Annotated[
        float, typer.Option(envvar="SECONDS", min=0.1, help="Seconds to measure each.")
    ] = 10,
    url: Annotated[
        str | None, typer.Option(help="A running gateway; by default, one is started.")
    ] = None,
    model: ModelName = None,
    repository: Repository = MODELS,
    baseline_url: Annotated[
        str | None, typer.Option(help="A running baseline; by default, the pipeline is started.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            envvar="CHECKPOINT", help="Checkpoint of the pipeline; by default, the gateway's."
        ),
    ] = None,
    port: Annotated[int, typer.Option(envvar="BASELINE_PORT", help="Port of the pipeline.")] = PORT,
    python: Python = PYTHON,
    ceiling: Annotated[
        str | None,
        typer.Option(
            help="Variants of ONNX and OpenVINO for bare loops; '' for none. By default onnx_int8, "
            "and the gateway's variant if it is one of OpenVINO."
        ),
    ] = None,
    dataset: Dataset = SAMPLE,
    questions: Questions = 200,
    results: Results = FOLDER,
) -> None:
    """Load the gateway and transformers' pipeline in turns, and print the ratios."""
    interrupt_me()
    levels = [float(each) for each in numbers("--users", users, int)]
    examples, asked = read_examples(dataset), read_questions(dataset, questions)
    rows: list[LoadRow] = []
    with ExitStack() as stack:
        gateway = stack.enter_context(gateway_at(url, model, repository))
        if baseline_url is None:
            baseline_url = stack.enter_context(
                pipeline_at(checkpoint or Path(gateway.checkpoint), port, python)
            )
        measuring = Measurement(stack.enter_context(locust_environment()), seconds)
        made = environment()
        ours = System.recorded(
            f"gateway {gateway.variant}", gateway.url, AnswerUser, asked, gateway.counts
        )
        theirs = System.recorded(NAME, baseline_url, AnswerUser, asked)
        systems = (ours, theirs, batched(ours), batched(theirs))
        accuracies = {
            each.name: accuracy_of(each, examples, dataset.name) for each in (ours, theirs)
        }
        chosen = bare_loop.beside(gateway.variant) if ceiling is None else ceiling.split()
        for each in chosen:
            rows += bare_loop.measure(each, repository, dataset, questions, gateway.sequence_length)
        fault = _measure(measuring, systems, levels, rounds, rows)
    result = Result(
        name="versus",
        environment=made,
        checkpoint=gateway.checkpoint,
        dataset=f"{dataset.name}, {len(asked)} questions",
        loads=tuple(rows),
        accuracies=accuracies,
        partial=fault,
    )
    _finish(result, gateway.variant, results)


def _measure(
    measuring: Measurement,
    systems: Sequence[System],
    users: Sequence[float],
    rounds: int,
    rows: list[LoadRow],
) -> str | None:
    """Measure all, and add the rows to ``rows``; return why it ended early, or None."""
    console = Console(stderr=True)

    def measure(system: System, level: Level, number: int) -> LoadRow:
        with console.status(f"round {number + 1} of {rounds}: {system.name}, {level}"):
            return measuring.measure(system, level, number)

    with stoppable() as stop:
        rows.extend(take_turns(measure, systems, users, rounds))
    return stop.reason


def _finish(result: Result, variant: str, folder: Path) -> None:
    """Write and print the result; raises what ended the run early."""
    console = terminal()
    console.print(versus_table(result.loads, result.accuracies), highlight=False)
    ours, names = f"gateway {variant}", {row.system for row in result.loads if row.latencies}
    for each in ("", BATCHED):
        a, b = ours + each, NAME + each
        if a in names and b in names:
            console.print(f"A: {a}, B: {b}", highlight=False)
            compared = matched(side_of([(result, a)]), side_of([(result, b)]))
            console.print(ratio_table(compared), highlight=False)
    path = write_result(result, folder)
    print(path)
    if said := check_answers((row for row in result.loads if row.system.startswith(ours)), variant):
        print(said)
    raise_again(result.partial, path)
