"""``python -m evaluation FILE``: exact match and F1 of the running gateway on a SQuAD file."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from evaluation.client import EvaluationError, Predictions, predict, served_model
from qa.calibration import expected_calibration_error
from qa.squad import Example, SquadError, evaluate, exact_match, read_examples


def main(
    dataset: Annotated[Path, typer.Argument(help="SQuAD 1.1 JSON, gzipped or not")],
    url: Annotated[str, typer.Option(help="the gateway")] = "http://127.0.0.1:8080",
    concurrency: Annotated[int, typer.Option(min=1, help="questions at a time")] = 32,
    limit: Annotated[int | None, typer.Option(min=1, help="only the first questions")] = None,
    output: Annotated[Path | None, typer.Option(help="write the answers, as JSON by id")] = None,
) -> None:
    """Send every question of a SQuAD file through the running gateway and score the answers."""
    try:
        examples = read_examples(dataset)[:limit]
        model = asyncio.run(served_model(url))
        started = time.perf_counter()
        predictions = _predict(url, examples, concurrency)
        seconds = time.perf_counter() - started
        _report(model, examples, predictions, seconds)
    except (SquadError, EvaluationError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    if output is not None:
        output.write_text(json.dumps(predictions.answers, ensure_ascii=False, indent=0))
    if predictions.failures:
        raise typer.Exit(1)


def _predict(url: str, examples: list[Example], concurrency: int) -> Predictions:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("questions", total=len(examples))
        return asyncio.run(
            predict(url, examples, concurrency=concurrency, advance=lambda: progress.advance(task))
        )


def _report(model: str, examples: list[Example], predictions: Predictions, seconds: float) -> None:
    scores = evaluate(examples, predictions.answers)
    table = Table("variant", "questions", "failed", "EM", "F1", "questions/s")
    table.add_row(
        model,
        str(scores.total),
        str(len(predictions.failures)),
        f"{scores.exact_match:.2f}",
        f"{scores.f1:.2f}",
        f"{len(examples) / seconds:.1f}",
    )
    Console().print(table)
    if predictions.scores:
        print(f"calibration error of the scores: {_calibration_error(examples, predictions):.2f} %")
    for identifier, reason in list(predictions.failures.items())[:5]:
        print(f"failed: {identifier}: {reason}", file=sys.stderr)


def _calibration_error(examples: list[Example], predictions: Predictions) -> float:
    """Return how far scores are from the share of exact matches, in percent."""
    answered = [each for each in examples if each.id in predictions.scores]
    right = [
        any(exact_match(predictions.answers[each.id], gold) for gold in each.answers)
        for each in answered
    ]
    scores = [predictions.scores[each.id] for each in answered]
    return 100 * expected_calibration_error(scores, right)


if __name__ == "__main__":
    typer.run(main)
