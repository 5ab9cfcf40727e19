"""``baseline``: what a user would use instead, served until Ctrl-C."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from loadtest.baselines.server import NAME, PYTHON, pipeline_at
from loadtest.commands.options import Python
from loadtest.stop import interrupt_me

CHECKPOINT = Path("checkpoints/electra-mini-squad")
PORT = 8090


def baseline(
    checkpoint: Annotated[
        Path,
        typer.Option(
            envvar="CHECKPOINT",
            help="In Hugging Face's layout: the one that was exported for the gateway.",
        ),
    ] = CHECKPOINT,
    port: Annotated[int, typer.Option(envvar="BASELINE_PORT", help="Port to listen on.")] = PORT,
    python: Python = PYTHON,
) -> None:
    """Serve transformers' question-answering pipeline behind FastAPI, until Ctrl-C."""
    interrupt_me()
    with suppress(KeyboardInterrupt), pipeline_at(checkpoint, port, python) as url:
        print(f"{NAME}: POST {url}/answer and {url}/answers; Ctrl-C ends it", flush=True)
        while True:
            time.sleep(3600)
