"""``slo``: the highest rate of questions whose 99th percentile holds."""

from typing import Annotated

import typer

from loadtest.commands.load import (
    DATASET,
    MODEL,
    PROCESSES,
    QUESTIONS,
    RESULTS,
    ROUTE,
    SAMPLE,
    URL,
    WORKERS,
)
from loadtest.plan import slo as plan_slo
from loadtest.result import FOLDER
from loadtest.under_load import Load, load_gateway


def slo(
    p99_ms: Annotated[float, typer.Option(min=0, help="What 99 % must not exceed.")] = 130,
    seconds: Annotated[float, typer.Option(min=0.1, help="That each rate is measured.")] = 20,
    url: URL = None,
    model: MODEL = None,
    route: ROUTE = "answer",
    dataset: DATASET = SAMPLE,
    questions: QUESTIONS = 200,
    processes: PROCESSES = 0,
    workers: WORKERS = 0,
    results: RESULTS = FOLDER,
) -> None:
    """Find the highest rate whose 99th percentile holds, by bisection."""
    under = Load(route, dataset, questions, seconds, processes, workers)
    load_gateway({"slo": plan_slo(p99_ms)}, under, url=url, model=model, folder=results)
