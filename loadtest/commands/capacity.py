"""``capacity``: what rates of questions need, and how well a simulated queue predicts latency."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer
from rich.console import Console

from loadtest.batches.inputs import read_examples, read_tokenizer
from loadtest.capacity.need import NOTE as NEED_NOTE
from loadtest.capacity.need import Capacity, need, need_table
from loadtest.capacity.prediction import (
    NOTE,
    on_shared_cores,
    predict,
    prediction_plot,
    prediction_table,
)
from loadtest.capacity.simulation import FEW_LENGTHS, ONE_LENGTH, highest_rate
from loadtest.capacity.work import (
    QuestionCost,
    Work,
    padded,
    published_batches,
    read_work,
    read_work_questions,
)
from loadtest.commands.options import MODELS, Dataset, Repository, numbers
from loadtest.errors import LoadTestError
from loadtest.published import read_published
from loadtest.result import Result, read_result
from pages.drawing import png
from qa.paths import listed
from qa.squad import SAMPLE

RATES = "100 10000 1000000"
SEQUENCE_LENGTH = 384
REPLY_BYTES = 90  # JSON of a short answer


def capacity(
    files: Annotated[
        list[Path],
        typer.Argument(
            envvar="FILES",
            callback=listed,
            help="results of one machine: bench, load-closed with 1 user, load-open",
        ),
    ],
    core_rate: Annotated[
        float | None,
        typer.Option(help="Answers/s of a gateway's core; by default, from the one user."),
    ] = None,
    rates: Annotated[str, typer.Option(envvar="RATES", help="Questions/s to plan for.")] = RATES,
    p99_ms: Annotated[
        float, typer.Option(envvar="P99_MS", min=1, help="Limit of the 99th percentile, ms.")
    ] = 130,
    dataset: Dataset = SAMPLE,
    repository: Repository = MODELS,
    plot: Annotated[Path | None, typer.Option(help="PNG to write.")] = None,
) -> None:
    """Simulate a queue from measured costs, compare it with open loops, and plan for rates."""
    results = [read_result(file) for file in files]
    tokenizer = read_tokenizer(repository / "tokenizer.json")
    questions = read_work_questions(dataset, tokenizer, SEQUENCE_LENGTH)
    device = results[0].environment.device
    work = _work(results, questions)
    console = Console()
    console.print(
        f"{device.name}, {device.count} cores: a batch takes {work.batch.fixed * 1000:.2f} ms and "
        f"{work.batch.per_token * 1e6:.2f} µs a token; an answer takes {work.around * 1000:.2f} ms "
        f"more, so that a core of a gateway gives {1 / work.around:.0f} answers/s or more"
    )
    shared = on_shared_cores(work, device.count)
    points = predict([row for each in results for row in each.loads], questions, shared)
    if points:
        console.print(prediction_table(points), NOTE, sep="\n")
        if plot:
            plot.write_bytes(png(prediction_plot(points, questions, shared)))
    wanted = numbers("--rates", rates, float)
    examples = read_examples(dataset)
    json = REPLY_BYTES + fmean(
        len(f'{{"question":"{each.question}","context":"{each.context}"}}'.encode())
        for each in examples
    )
    plans = {f"{device.name}, {device.count} cores, measured": (work, questions, ONE_LENGTH)}
    for table in read_published().tables:
        batch = Work(published_batches(table, SEQUENCE_LENGTH), work.around)
        for shape in (FEW_LENGTHS, ONE_LENGTH):
            name = (
                f"{table.device}, {table.precision}, ELECTRA-base, published by NVIDIA; "
                f"padded to multiples of {shape.pad_to_multiple_of}"
            )
            plans[name] = (batch, padded(questions, shape), shape)
    for name, (its_work, its_questions, shape) in plans.items():
        rate = highest_rate(its_questions, its_work, p99_ms, shape)
        console.print(f"\n{name}: {rate:.0f} questions/s within {p99_ms:g} ms, simulated")
        if rate:
            able = Capacity(rate, core_rate or 1 / work.around)
            console.print(need_table(need(each, able, questions, shape, json) for each in wanted))
    console.print(NEED_NOTE)


def _work(results: Sequence[Result], questions: Sequence[QuestionCost]) -> Work:
    alone = [
        row for each in results for row in each.loads if row.loop == "closed" and row.level == 1
    ]
    batches = [
        row
        for each in results
        for row in each.batches
        if alone and row.variant in alone[0].system.split()
    ]
    if not batches:
        raise LoadTestError(
            "costs come from a closed loop with 1 user and a bench of the same variant: "
            "name both files"
        )
    return read_work(batches, alone[0], questions)
