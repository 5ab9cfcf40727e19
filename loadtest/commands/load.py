"""``load``: questions under load, in closed and open loops."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from loadtest.errors import LoadTestError
from loadtest.plan import closed, open_
from loadtest.result import FOLDER
from loadtest.under_load import Load, Route, load_gateway

URL = Annotated[str | None, typer.Option(help="A gateway that runs; one is started if none.")]
MODEL = Annotated[str | None, typer.Option(help="What the one that is started answers with.")]
ROUTE = Annotated[Route, typer.Option(help="POST /answer, or Hugging Face's POST /.")]
DATASET = Annotated[Path, typer.Option(help="SQuAD file.")]
QUESTIONS = Annotated[int, typer.Option(min=1, help="Different ones; their answers are recorded.")]
PROCESSES = Annotated[int, typer.Option(min=0, help="That load, on this machine; 0: this one.")]
WORKERS = Annotated[int, typer.Option(min=0, help="Of other machines, that join port 5557.")]
RESULTS = Annotated[Path, typer.Option(help="Where the result is written.")]
SAMPLE = Path("tests/data/squad-dev-sample.json")


def load(
    loop: Annotated[Literal["closed", "open", "both"], typer.Option(help="Or both.")] = "both",
    users: Annotated[str, typer.Option(help="Of the closed loop, in steps.")] = "1 2 4 8 16",
    rates: Annotated[str, typer.Option(help="Of the open loop, questions/s.")] = "10 20 40",
    seconds: Annotated[float, typer.Option(min=0.1, help="That each step is measured.")] = 10,
    url: URL = None,
    model: MODEL = None,
    route: ROUTE = "answer",
    dataset: DATASET = SAMPLE,
    questions: QUESTIONS = 200,
    processes: PROCESSES = 0,
    workers: WORKERS = 0,
    results: RESULTS = FOLDER,
) -> None:
    """Send SQuAD's questions to the gateway, and measure what becomes of them."""
    plans = {
        "closed": closed(_numbers(users, int, "--users")),
        "open": open_(_numbers(rates, float, "--rates")),
    }
    under = Load(route, dataset, questions, seconds, processes, workers)
    chosen = {f"load-{each}": plan for each, plan in plans.items() if loop in (each, "both")}
    load_gateway(chosen, under, url=url, model=model, folder=results)


def _numbers(text: str, of: Callable[[str], float], option: str) -> list[float]:
    try:
        numbers = [of(each) for each in text.split()]
    except ValueError as error:
        raise LoadTestError(f"{option} {text!r}: {error}") from error
    if not numbers or min(numbers) <= 0:
        raise LoadTestError(f"{option} {text!r}: give numbers above 0, as in '1 2 4'")
    return numbers
