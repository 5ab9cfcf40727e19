"""The options that fine-tuning and pre-training share, each a flag and an environment variable."""

from typing import Annotated

import typer

from training.recipe import PRECISIONS

Init = Annotated[
    str | None,
    typer.Option(envvar="INIT", help="weights to start from: a folder, or the hub's owner/name"),
]
Precision = Annotated[
    str | None, typer.Option(envvar="PRECISION", help=f"one of {', '.join(PRECISIONS)}")
]
Epochs = Annotated[str | None, typer.Option(envvar="EPOCHS", help="passes over the data, as 0.5")]
Settings = Annotated[
    list[str],
    typer.Option(
        "--set",
        envvar="SETTINGS",
        help="any setting of the recipe, as dropout=0; in the variable, separated by spaces",
    ),
]


def changes(settings: list[str], **named: str | None) -> list[str]:
    """Return the settings to change, as ``epochs=2``; of two with one name, the last counts."""
    return [*(f"{name}={value}" for name, value in named.items() if value), *settings]
