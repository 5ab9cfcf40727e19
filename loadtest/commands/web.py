"""``web``: questions under load on Locust's web page."""

import subprocess
import sys
from contextlib import suppress
from typing import Annotated

import typer

from loadtest.commands.options import (
    MODELS,
    SAMPLE,
    Dataset,
    ModelName,
    Processes,
    Questions,
    Repository,
    Results,
    Url,
)
from loadtest.gateway import gateway_at
from loadtest.keeping import Loop
from loadtest.processes import LOCUSTFILE
from loadtest.result import FOLDER


def web(
    loop: Annotated[Loop, typer.Option(help="What each user does.")] = "closed",
    port: Annotated[int, typer.Option(help="Of the page.")] = 8089,
    url: Url = None,
    model: ModelName = None,
    repository: Repository = MODELS,
    dataset: Dataset = SAMPLE,
    questions: Questions = 200,
    processes: Processes = 0,
    results: Results = FOLDER,
) -> None:
    """Open Locust's web page, where users are added while the gateway answers."""
    with gateway_at(url, model, repository) as gateway:
        command = (
            *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--class-picker"),
            *("--host", gateway.url, "--web-host", "127.0.0.1", "--web-port", str(port)),
            *("--loop", loop, "--dataset", str(dataset), "--questions", str(questions)),
            *("--results", str(results)),
            *(("--processes", str(processes)) if processes else ()),
        )
        with subprocess.Popen(command) as page, suppress(KeyboardInterrupt):  # which it gets too
            page.wait()
