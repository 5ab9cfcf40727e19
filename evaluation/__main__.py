"""``python -m evaluation FILE``: exact match and F1 of the running gateway on a SQuAD file."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from evaluation.client import Failure, Gateway, Outcome, Reply, predict, served_model
from evaluation.errors import EvaluationError
from evaluation.report import calibration_error, failure_lines, scores_table
from qa.api_key import ApiKeyError
from qa.metric import metric_notice
from qa.squad import Example, SquadError, has_unanswerable, read_examples

# a traceback must not show the locals: one of them is the API key
app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    dataset: Annotated[
        Path, typer.Argument(envvar="DATASET", help="SQuAD 1.1 or 2.0 JSON, gzipped or not")
    ],
    url: Annotated[
        str | None,
        typer.Option(envvar="URL", help="the gateway's; on this machine, at --port, if left out"),
    ] = None,
    port: Annotated[int, typer.Option(envvar="PORT", help="the gateway's on this machine")] = 8080,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="EVALUATION_API_KEY",
            show_default=False,
            help="if the gateway asks for one; set the variable, as other users of this machine "
            "can see a flag",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(envvar="MODEL", help="the variant to ask: one of its ELECTRA_QA_MODELS"),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(min=1, envvar="TOP_K", help="answers per question; the best is scored too"),
    ] = None,
    align_to_words: Annotated[
        bool | None,
        typer.Option(
            envvar="ALIGN_TO_WORDS",
            help="answers of whole words, or of any tokens, for scripts without spaces",
        ),
    ] = None,
    max_answer_len: Annotated[
        int | None, typer.Option(envvar="MAX_ANSWER_LEN", help="most tokens of an answer")
    ] = None,
    max_question_len: Annotated[
        int | None, typer.Option(envvar="MAX_QUESTION_LEN", help="most tokens of a question")
    ] = None,
    doc_stride: Annotated[
        int | None, typer.Option(envvar="DOC_STRIDE", help="tokens from one window to the next")
    ] = None,
    null_threshold: Annotated[
        float | None,
        typer.Option(
            envvar="NULL_THRESHOLD",
            help="if some questions have no answer: by how much the empty answer must score higher",
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, envvar="CONCURRENCY", help="questions at a time")
    ] = 32,
    patience: Annotated[
        float,
        typer.Option(
            min=0,
            envvar="PATIENCE",
            help="seconds without any answer after which to give up on a busy gateway",
        ),
    ] = 120,
    limit: Annotated[
        int | None, typer.Option(min=1, envvar="LIMIT", help="ask only so many, the first ones")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(envvar="OUTPUT", help="write the answers, as JSON by id")
    ] = None,
) -> None:
    """Send every question of a SQuAD file through the running gateway and score the answers.

    If some questions have no answer, the empty answer is allowed and the metric is SQuAD 2.0's.
    Answer options that are left out take the gateway's defaults.
    """
    options: dict[str, object] = {
        "model": model,
        "top_k": top_k,
        "align_to_words": align_to_words,
        "max_answer_len": max_answer_len,
        "max_question_len": max_question_len,
        "doc_stride": doc_stride,
    }
    try:
        gateway = Gateway(url or f"http://127.0.0.1:{port}", api_key)
        examples = read_examples(dataset)[:limit]
        options |= _of_impossible_answers(examples, null_threshold)
        served = asyncio.run(served_model(gateway))
        if output is not None:
            _check_output(output, examples)
        if notice := metric_notice(examples):
            print(notice, file=sys.stderr)
        started = time.perf_counter()
        outcomes = _predict(gateway, examples, options, concurrency, patience)
        seconds = time.perf_counter() - started
    except (SquadError, ApiKeyError, EvaluationError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    _report(model or served, examples, outcomes, seconds)
    if output is not None:
        answers = {
            example.id: outcome.answers[0]
            for example, outcome in zip(examples, outcomes, strict=True)
            if isinstance(outcome, Reply)
        }
        output.write_text(json.dumps(answers, ensure_ascii=False, indent=0), encoding="utf-8")
    if any(isinstance(outcome, Failure) for outcome in outcomes):
        raise typer.Exit(1)


def _check_output(output: Path, examples: Sequence[Example]) -> None:
    """Raise EvaluationError if the answers could not be written in the end."""
    try:
        output.open("a").close()
    except OSError as error:
        raise EvaluationError(f"cannot write {output}: {error}") from error
    name, count = Counter(example.id for example in examples).most_common(1)[0]
    if count > 1:
        raise EvaluationError(
            f"{count} questions have the id {name!r}, but {output} holds one answer per id; give "
            "each question its own id, or leave out --output, which the scores do not need"
        )


def _of_impossible_answers(
    examples: Sequence[Example], null_threshold: float | None
) -> Mapping[str, object]:
    if has_unanswerable(examples):
        return {"handle_impossible_answer": True, "null_threshold": null_threshold or 0.0}
    if null_threshold is not None:
        print("every question has an answer: the null threshold is not used", file=sys.stderr)
    return {}


def _predict(
    gateway: Gateway,
    examples: Sequence[Example],
    options: Mapping[str, object],
    concurrency: int,
    patience: float,
) -> list[Outcome]:
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
                gateway,
                examples,
                options={name: value for name, value in options.items() if value is not None},
                concurrency=concurrency,
                patience_seconds=patience,
                advance=lambda: progress.advance(task),
            )
        )


def _report(
    model: str, examples: Sequence[Example], outcomes: Sequence[Outcome], seconds: float
) -> None:
    Console().print(scores_table(model, examples, outcomes, seconds))
    error = calibration_error(examples, outcomes)
    if error is not None:
        print(f"calibration error of the scores: {error:.2f} %")
    for line in failure_lines(examples, outcomes):
        print(line, file=sys.stderr)


if __name__ == "__main__":
    app()
