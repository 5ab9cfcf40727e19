"""``python -m training.pretraining [OUTPUT] TEXT...``: pre-train by replaced-token detection."""

from pathlib import Path
from typing import Annotated

import typer

from qa.paths import listed
from training.command import at_a_place
from training.options import Epochs, Init, Precision, Settings, changes
from training.pretraining.recipe import PretrainingRecipe
from training.pretraining.run import run
from training.recipe import with_settings


def main(
    output: Annotated[
        Path, typer.Argument(envvar="OUTPUT", help="folder to write, and to resume from")
    ] = Path("build/pretrained"),
    *,
    texts: Annotated[
        list[Path],
        typer.Argument(
            envvar=["TEXTS", "TRAIN"],
            callback=listed,
            help="SQuAD files, or .txt with blank lines between paragraphs",
        ),
    ],
    init: Init = None,
    precision: Precision = None,
    epochs: Epochs = None,
    setting: Settings = [],  # noqa: B006
) -> None:
    """Train an encoder further, on text; `make train INIT=OUTPUT` starts from it."""
    with at_a_place() as (place, console):
        recipe = with_settings(
            PretrainingRecipe(), changes(setting, init=init, precision=precision, epochs=epochs)
        )
        if found := run(recipe, texts, output, place, console):
            console.print(
                f"held-out articles: the generator restores {found.restored:.1%} of what is "
                f"masked; {found.recall:.1%} of the replaced tokens are found, and "
                f"{found.precision:.1%} of the alarms are right"
            )
        console.print(f"written to {output}; `make train INIT={output}` starts from it")


if __name__ == "__main__":
    typer.run(main)
