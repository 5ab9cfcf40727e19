"""``load``: questions under load, in closed and open loops."""

from typing import Annotated, Literal

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
    numbers,
)
from loadtest.load.gateway import gateway_at
from loadtest.load.plan import closed, open_
from loadtest.load.under_load import Load, run_plans
from loadtest.result import FOLDER
from loadtest.stop import interrupt_me
from qa.squad import SAMPLE


def load(
    loop: Annotated[Literal["closed", "open", "both"], typer.Option(help="Which loop.")] = "both",
    users: Annotated[
        str, typer.Option(envvar="USERS", help="Users of the closed loop, in steps.")
    ] = "1 2 4 8 16",
    rates: Annotated[
        str, typer.Option(envvar="RATES", help="Questions/s of the open loop, in steps.")
    ] = "10 20 40",
    seconds: Annotated[
        float, typer.Option(envvar="SECONDS", min=0.1, help="Seconds to measure each step.")
    ] = 10,
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
    """Send SQuAD's questions to the gateway, and measure latency, throughput and failures."""
    interrupt_me()
    plans = {
        "closed": closed(numbers("--users", users, int)),
        "open": open_(numbers("--rates", rates, float)),
    }
    under = Load(route, dataset, questions, seconds, processes, workers)
    chosen = {f"load-{each}": plan for each, plan in plans.items() if loop in (each, "both")}
    run_plans(chosen, under, gateway_at(url, model, repository), results)
