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

from evaluation.client import EvaluationError, Predictions, predict, served_model
from evaluation.report import calibration_error, scores_table
from qa.squad import Example, SquadError, has_unanswerable, read_examples


def main(
    dataset: Annotated[Path, typer.Argument(help="SQuAD 1.1 or 2.0 JSON, gzipped or not")],
    url: Annotated[str, typer.Option(help="the gateway")] = "http://127.0.0.1:8080",
    concurrency: Annotated[int, typer.Option(min=1, help="questions at a time")] = 32,
    limit: Annotated[int | None, typer.Option(min=1, help="only the first questions")] = None,
    output: Annotated[Path | None, typer.Option(help="write the answers, as JSON by id")] = None,
    null_threshold: Annotated[
        float, typer.Option(help="of SQuAD 2.0: how far the empty answer must be ahead to be given")
    ] = 0.0,
) -> None:
    """Send every question of a SQuAD file through the running gateway and score the answers.

    Where some have no answer, the empty one is allowed, and the metric is that of SQuAD 2.0.
    """
    try:
        examples = read_examples(dataset)[:limit]
        model = asyncio.run(served_model(url))
        started = time.perf_counter()
        predictions = _predict(url, examples, concurrency, null_threshold)
        seconds = time.perf_counter() - started
        _report(model, examples, predictions, seconds)
    except (SquadError, EvaluationError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    if output is not None:
        output.write_text(json.dumps(predictions.answers, ensure_ascii=False, indent=0))
    if predictions.failures:
        raise typer.Exit(1)


def _predict(
    url: str, examples: list[Example], concurrency: int, null_threshold: float
) -> Predictions:
    options: dict[str, object] = {}
    if has_unanswerable(examples):
        options = {"handle_impossible_answer": True, "null_threshold": null_threshold}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("questions", total=len(examples))
        return asyncio.run(
            predict(
                url,
                examples,
                options=options,
                concurrency=concurrency,
                advance=lambda: progress.advance(task),
            )
        )


def _report(model: str, examples: list[Example], predictions: Predictions, seconds: float) -> None:
    Console().print(scores_table(model, examples, predictions, seconds))
    if predictions.scores:
        error = calibration_error(examples, predictions)
        print(f"calibration error of the scores: {error:.2f} %")
    for identifier, reason in list(predictions.failures.items())[:5]:
        print(f"failed: {identifier}: {reason}", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
