"""``web``: questions under load on Locust's web page."""

import signal
import subprocess
import sys
from typing import Annotated

import typer

from embedded.process import start
from loadtest.commands.options import (
    MODELS,
    Dataset,
    ModelName,
    Processes,
    Questions,
    Repository,
    Results,
    Url,
)
from loadtest.load.gateway import gateway_at
from loadtest.load.keeper import Loop
from loadtest.load.processes import LOCUSTFILE
from loadtest.result import FOLDER
from loadtest.stop import interrupt_me
from qa.squad import SAMPLE


def web(
    loop: Annotated[
        Loop, typer.Option(help="Closed: wait for each reply; open: ask at random times.")
    ] = "closed",
    port: Annotated[int, typer.Option(help="Port of the page.")] = 8089,
    url: Url = None,
    model: ModelName = None,
    repository: Repository = MODELS,
    dataset: Dataset = SAMPLE,
    questions: Questions = 200,
    processes: Processes = 0,
    results: Results = FOLDER,
) -> None:
    """Open Locust's web page, where users are added while the gateway answers."""
    interrupt_me()
    with gateway_at(url, model, repository) as gateway:
        command = (
            *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--class-picker"),
            *("--host", gateway.url, "--web-host", "127.0.0.1", "--web-port", str(port)),
            *("--loop", loop, "--dataset", str(dataset), "--questions", str(questions)),
            *("--results", str(results)),
            *(("--processes", str(processes)) if processes else ()),
        )
        with start(command, stdin=subprocess.DEVNULL) as page:  # Ctrl-C reaches it once, from us
            try:
                page.wait()
            except KeyboardInterrupt:
                page.send_signal(signal.SIGINT)
