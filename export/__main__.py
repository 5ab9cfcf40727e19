"""The command line: ``python -m export [CHECKPOINT] [--variants "onnx_fp32 onnx_int8"]``."""

import signal
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.checkpoint import read_checkpoint
from export.errors import ExportError
from export.freshness import outdated
from export.report import Report, read_report
from export.steps import report_table, step
from export.variants import VARIANTS, Variant, select_variants

BUNDLED_CHECKPOINT = Path("checkpoints/electra-mini-squad")
SEQUENCE_LENGTH = 384

_NAMES = ", ".join(variant.name for variant in VARIANTS)


def main(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(help=f"A Hugging Face folder; {BUNDLED_CHECKPOINT} if left out."),
    ] = None,
    variants: Annotated[
        str, typer.Option(help=f"Which to make, separated by spaces: {_NAMES}. All if left out.")
    ] = "",
    repository: Annotated[Path, typer.Option(help="Triton's model repository.")] = Path(
        "model_repository"
    ),
    sequence_length: Annotated[
        int | None,
        typer.Option(
            help=f"Tokens of a window; {SEQUENCE_LENGTH} if left out.", show_default=False
        ),
    ] = None,
    if_needed: Annotated[
        bool,
        typer.Option(
            "--if-needed",
            help="Make only what is missing, damaged or older than its inputs; without "
            "CHECKPOINT, of the checkpoint that the repository was made from.",
        ),
    ] = False,
) -> None:
    """Export a fine-tuned ELECTRA checkpoint to a Triton model repository."""
    console = Console(width=None if sys.stdout.isatty() else 120)  # a log has room
    try:
        selected = select_variants(variants)
        previous = read_report(repository) if if_needed else None
        if previous and checkpoint is None:
            checkpoint = Path(previous.checkpoint)
            sequence_length = sequence_length or previous.sequence_length
        checkpoint = checkpoint or BUNDLED_CHECKPOINT
        sequence_length = sequence_length or SEQUENCE_LENGTH
        if previous:
            selected = outdated(previous, repository, checkpoint, selected, sequence_length)
        if selected:
            report = _export(console, checkpoint, selected, repository, sequence_length)
            console.print(report_table(report))
    except ExportError as error:
        typer.echo(f"export: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("export: interrupted", err=True)
        raise typer.Exit(128 + signal.SIGINT) from None


def _export(
    console: Console,
    folder: Path,
    variants: tuple[Variant, ...],
    repository: Path,
    sequence_length: int,
) -> Report:
    with step(console, f"read {folder}"):
        checkpoint = read_checkpoint(folder)
    if checkpoint.ignored:
        console.print(f"ignored, as the model has no use for them: {', '.join(checkpoint.ignored)}")
    with step(console, "load TensorFlow"):
        from export.pipeline import Request, export
    request = Request(checkpoint, variants, repository, sequence_length)
    return export(request, partial(step, console))


def _terminate(number: int, _: object) -> None:
    """End as Ctrl-C does, so that the staging folder is cleared."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminate)
    typer.run(main)
