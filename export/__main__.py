"""The command line: ``python -m export [CHECKPOINT] [--variants "onnx_fp32 onnx_int8"]``."""

from pathlib import Path
from typing import Annotated

import typer

from embedded.gpu import serving_gpu
from export.calibration import SAMPLE
from export.command import (
    BUNDLED_CHECKPOINT,
    MODELS,
    SEQUENCE_LENGTH,
    Repository,
    bundled,
    ending,
    export_checkpoint,
    run,
)
from export.variants import VARIANTS, select_variants

_NAMES = ", ".join(variant.name for variant in VARIANTS)


def main(
    checkpoint: Annotated[
        str | None,
        typer.Argument(
            envvar="CHECKPOINT",
            help="A Hugging Face folder, a repository of its hub, or a TensorFlow checkpoint's "
            f"prefix; {BUNDLED_CHECKPOINT} if left out.",
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(envvar="REVISION", help="Branch, tag or commit of a repository of the hub."),
    ] = None,
    variants: Annotated[
        str,
        typer.Option(
            envvar="VARIANTS",
            help=f"Which to make, separated by spaces: {_NAMES}. All if left out.",
        ),
    ] = "",
    repository: Repository = MODELS,
    sequence_length: Annotated[
        int, typer.Option(envvar="SEQ", help="Tokens of a window.")
    ] = SEQUENCE_LENGTH,
    dataset: Annotated[
        Path | None,
        typer.Option(
            envvar="DATASET", help="SQuAD file on which to measure EM and F1 of each variant."
        ),
    ] = None,
    calibration: Annotated[
        Path,
        typer.Option(
            envvar="CALIBRATION",
            help="SQuAD file for the scales of static int8.",
            show_default="200 questions of SQuAD 1.1's training set",
        ),
    ] = SAMPLE,
) -> None:
    """Export a fine-tuned ELECTRA checkpoint to a Triton model repository."""
    with ending():
        selected = select_variants(variants)
        export_checkpoint(
            checkpoint or bundled(),
            selected,
            repository,
            sequence_length,
            calibration,
            serving_gpu(),
            revision,
            dataset,
        )


if __name__ == "__main__":
    run(main)
