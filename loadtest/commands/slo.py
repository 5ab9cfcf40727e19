"""``slo``: the highest rate of questions whose 99th percentile holds."""

from typing import Annotated

import typer

from loadtest.commands.options import (
    MODELS,
    Dataset,
    ModelName,
    Processes,
    Questions,
    Repository,
    Results,
    RouteName,
    Url,
    Workers,
)
from loadtest.load.gateway import gateway_at
from loadtest.load.plan import slo as plan_slo
from loadtest.load.under_load import Load, run_plans
from loadtest.result import FOLDER
from loadtest.stop import interrupt_me
from qa.squad import SAMPLE


def slo(
    p99_ms: Annotated[
        float, typer.Option(envvar="P99_MS", min=0, help="Limit of the 99th percentile, ms.")
    ] = 130,
    seconds: Annotated[
        float, typer.Option(envvar="SECONDS", min=0.1, help="Seconds to measure each rate.")
    ] = 20,
    url: Url = None,
    model: ModelName = None,
    repository: Repository = MODELS,
    route: RouteName = "answer",
    dataset: Dataset = SAMPLE,
    questions: Questions = 200,
    processes: Processes = 0,
    workers: Workers = 0,
    results: Results = FOLDER,
) -> None:
    """Find the highest rate whose 99th percentile holds, by bisection."""
    interrupt_me()
    under = Load(route, dataset, questions, seconds, processes, workers)
    plans = {"slo": plan_slo(p99_ms)}
    run_plans(plans, under, gateway_at(url, model, repository), results)
