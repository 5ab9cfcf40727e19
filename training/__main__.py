"""``python -m training OUTPUT TRAIN``: fine-tune, evaluate, and write what `make export` reads."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from qa.paths import listed
from training.command import at_a_place
from training.options import Epochs, Init, Precision, Settings, changes
from training.recipe import Recipe, with_settings
from training.result import Result
from training.run import Data, run
from training.stability import stability_table, write_stability


def main(
    output: Annotated[
        Path, typer.Argument(envvar="OUTPUT", help="folder to write, and to resume from")
    ] = Path("build/trained"),
    *,
    train: Annotated[Path, typer.Argument(envvar="TRAIN", help="SQuAD 1.1 or 2.0, gzipped or not")],
    dev: Annotated[
        list[Path],
        typer.Option(
            envvar="DEV",
            callback=listed,
            help="SQuAD file to evaluate on at the end; in the variable, one or more",
        ),
    ] = [],  # noqa: B006
    init: Init = None,
    teacher: Annotated[
        str | None,
        typer.Option(envvar="TEACHER", help="model to imitate: a folder, or the hub's owner/name"),
    ] = None,
    precision: Precision = None,
    epochs: Epochs = None,
    setting: Settings = [],  # noqa: B006
    seeds: Annotated[
        int, typer.Option(envvar="SEEDS", min=1, help="runs, each of its own seed")
    ] = 1,
) -> None:
    """Train by the recipe of ``training/recipe.py``, unless settings say otherwise."""
    with at_a_place() as (place, console):
        named = changes(setting, init=init, precision=precision, epochs=epochs, teacher=teacher)
        recipe = with_settings(Recipe(), named)
        data = Data(train, tuple(dev))
        results: list[Result] = []
        for seed in range(recipe.seed, recipe.seed + seeds):
            folder = output / f"seed-{seed}" if seeds > 1 else output
            result = run(replace(recipe, seed=seed), data, folder, place, console)
            results += [result] if result else []
        if results:
            console.print(stability_table(results))
            write_stability(output, results)
            console.print(f"written to {output}; `make export CHECKPOINT={output}` reads it")


if __name__ == "__main__":
    typer.run(main)
