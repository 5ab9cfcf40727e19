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
from export.calibration import current, file_for
from export.command import (
    MODELS,
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
) -> None:
    """Export the variants that are missing from a model repository, or older than their inputs.

    Static int8 is calibrated on the file of the last export of the same checkpoint. This command
    reads no environment variables: other commands call it, and have variables of their own.
    """
    with ending():
        gpu = serving_gpu()
        selected = select_variants(variants)
        previous = previous_report(repository)
        revision = recorded = None
        if previous and checkpoint in (None, previous.checkpoint):
            recorded = previous.calibration
            checkpoint, revision = previous.checkpoint, previous.revision
            sequence_length = sequence_length or previous.sequence_length
        checkpoint, calibration = checkpoint or bundled(), current(recorded)
        sequence_length = sequence_length or SEQUENCE_LENGTH
        if not variants:
            selected = _to_serve(previous, gpu)
        if previous:
            selected = outdated(
                previous, repository, Path(checkpoint), selected, sequence_length, calibration
            )
        if selected:
            export_checkpoint(
                checkpoint,
                selected,
                repository,
                sequence_length,
                file_for(selected, calibration),
                gpu,
                revision,
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
