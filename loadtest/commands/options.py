"""Options that several commands share, and how lists of numbers are read."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from loadtest.errors import LoadTestError
from loadtest.load.under_load import Route

Number = TypeVar("Number", int, float)

MODELS = Path("model_repository")
BATCHES = "1 128 256 512"  # as in NVIDIA's tables

Url = Annotated[
    str | None, typer.Option(envvar="URL", help="A running gateway; by default, one is started.")
]
TritonUrl = Annotated[
    str | None,
    typer.Option(
        envvar="TRITON_URL", help="A running Triton, host:port of gRPC; by default, one is started."
    ),
]
ModelName = Annotated[
    str | None, typer.Option(envvar="MODEL", help="Model of the gateway that is started.")
]
Repository = Annotated[Path, typer.Option(envvar="MODEL_REPOSITORY", help="Folder of its models.")]
RouteName = Annotated[Route, typer.Option(help="POST /answer, or Hugging Face's POST /.")]
Dataset = Annotated[
    Path,
    typer.Option(
        envvar="DATASET", help="SQuAD file.", show_default="200 questions of SQuAD 1.1's dev set"
    ),
]
Batches = Annotated[str, typer.Option(envvar="BATCHES", help="Windows per batch.")]
Questions = Annotated[int, typer.Option(min=1, help="How many different questions.")]
Python = Annotated[Path, typer.Option(help="Python of an environment that has transformers.")]
Processes = Annotated[
    int,
    typer.Option(
        envvar="PROCESSES", min=0, help="Loading processes on this machine; 0: only this one."
    ),
]
Workers = Annotated[
    int, typer.Option(min=0, help="Loading processes on other machines, which join port 5557.")
]
Results = Annotated[Path, typer.Option(help="Where the results are written.")]


def numbers(option: str, text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    """Return the numbers of ``text``, the value of ``option``: between spaces or commas.

    Raises LoadTestError where one is not of ``kind``, int or float, or not above 0.
    """
    try:
        found = tuple(kind(each) for each in text.replace(",", " ").split())
    except ValueError:
        found = ()
    if not found or min(found) <= 0:
        what = "whole numbers" if kind is int else "numbers"
        raise LoadTestError(f"{option} {text!r}: give {what} above 0, as in '1 2 4'")
    return found
