"""``python -m training.teacher [OUTPUT] TRAIN``: fine-tune a teacher, which a student imitates."""

from pathlib import Path
from typing import Annotated

import typer

from training.command import at_a_place
from training.options import Epochs, Init, Precision, Settings, changes
from training.recipe import with_settings
from training.teacher.recipe import TeacherRecipe
from training.teacher.run import run


def main(
    output: Annotated[
        Path, typer.Argument(envvar="OUTPUT", help="folder to write, and to resume from")
    ] = Path("build/teacher"),
    *,
    train: Annotated[Path, typer.Argument(envvar="TRAIN", help="SQuAD 1.1 or 2.0, gzipped or not")],
    init: Init = None,
    precision: Precision = None,
    epochs: Epochs = None,
    setting: Settings = [],  # noqa: B006
) -> None:
    """Fine-tune an encoder that transformers can load; `make train TEACHER=OUTPUT` imitates it."""
    with at_a_place() as (place, console):
        recipe = with_settings(
            TeacherRecipe(), changes(setting, init=init, precision=precision, epochs=epochs)
        )
        if scores := run(recipe, train, output, place, console):
            console.print(
                f"held-out articles: EM {scores.exact_match:.2f}, F1 {scores.f1:.2f} on "
                f"{scores.total:,} questions"
            )
        console.print(f"written to {output}; `make train TEACHER={output}` imitates it")


if __name__ == "__main__":
    typer.run(main)
