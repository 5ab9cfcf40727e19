"""``python -m export.refresh``: export again what is missing from a repository, or outdated.

The verbs of the Makefile that need a model call it first. Where nothing is to be made, it takes
half a second.
"""

from pathlib import Path
from typing import Annotated

import typer

from embedded.cpu import read_cpu
from embedded.gpu import Gpu, serving_gpu
from embedded.report import Report
from export.command import (
    MODELS,
    SAMPLE,
    SEQUENCE_LENGTH,
    Repository,
    bundled,
    ending,
    export_checkpoint,
    run,
)
from export.freshness import outdated, previous_report
from export.variants import VARIANTS, Variant, select_variants, variants_for_cpu, variants_for_gpu


def main(
    checkpoint: Annotated[
        str | None,
        typer.Argument(help="That which the repository was made from, if left out."),
    ] = None,
    variants: Annotated[
        str,
        typer.Option(
            help="Separated by spaces; if left out, those that are there, or else the fastest "
            "on this machine."
        ),
    ] = "",
    repository: Repository = MODELS,
    sequence_length: Annotated[
        int | None,
        typer.Option(
            help="Tokens of a window; if left out, those of the last export of the same "
            f"checkpoint, or else {SEQUENCE_LENGTH}."
        ),
    ] = None,
    calibration: Annotated[
        Path,
        typer.Option(
            help="SQuAD file for the scales of static int8.",
            show_default="200 questions of SQuAD 1.1's training set",
        ),
    ] = SAMPLE,
) -> None:
    """Export the variants that are missing from a model repository, or older than their inputs.

    It reads no environment variables: other commands call it, and have variables of their own.
    """
    with ending():
        gpu = serving_gpu()
        selected = select_variants(variants)
        previous = previous_report(repository)
        revision = None
        if previous and checkpoint is None:
            checkpoint, revision = previous.checkpoint, previous.revision
            sequence_length = sequence_length or previous.sequence_length
        checkpoint = checkpoint or bundled()
        sequence_length = sequence_length or SEQUENCE_LENGTH
        if not variants:
            selected = _to_serve(previous, gpu)
        if previous:
            selected = outdated(
                previous, repository, Path(checkpoint), selected, sequence_length, calibration
            )
        if selected:
            export_checkpoint(
                checkpoint, selected, repository, sequence_length, calibration, gpu, revision
            )


def _to_serve(previous: Report | None, gpu: Gpu | None) -> tuple[Variant, ...]:
    """Return what was exported, or else what is worth serving on this machine.

    On a CPU that is the fastest variant; on a GPU, all variants for it, whose export finds the
    fastest. Those are added where a GPU is new, and nothing that was exported is for it.
    """
    there = {each for each in VARIANTS if previous and each.model_name in previous.variants}
    for_gpu = set(variants_for_gpu(gpu.capability)) if gpu else set()
    wanted = there | (for_gpu if not there & for_gpu else set())
    return (
        tuple(each for each in VARIANTS if each in wanted) or variants_for_cpu(read_cpu().flags)[:1]
    )


if __name__ == "__main__":
    run(main)
