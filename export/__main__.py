"""The command line: ``python -m export [CHECKPOINT] [--variants "onnx_fp32 onnx_int8"]``."""

import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from embedded.cpu import read_cpu
from embedded.gpu import Gpu, serving_gpu
from embedded.report import Report
from export.checkpoint.errors import CheckpointError
from export.checkpoint.hub import resolve
from export.checkpoint.reader import read_checkpoint
from export.errors import ExportError
from export.freshness import outdated, previous_report
from export.repository import PAGE
from export.served import lay_out_served, starting
from export.steps import report_table, step
from export.variants import VARIANTS, Variant, select_variants, variants_for_cpu, variants_for_gpu
from qa.metric import metric_notice
from qa.squad import SquadError, read_examples

BUNDLED_CHECKPOINT = "checkpoints/electra-mini-squad"
SEQUENCE_LENGTH = 384
SAMPLE = Path(__file__).parent / "data" / "squad-train-sample.json"

_NAMES = ", ".join(variant.name for variant in VARIANTS)


def main(
    checkpoint: Annotated[
        str | None,
        typer.Argument(
            help="A Hugging Face folder, a repository of its hub, or a TensorFlow checkpoint's "
            f"prefix; {BUNDLED_CHECKPOINT} if left out."
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of a repository of the hub.")
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
    dataset: Annotated[
        Path | None, typer.Option(help="SQuAD file on which to measure EM and F1 of each variant.")
    ] = None,
    calibration: Annotated[
        Path, typer.Option(help="SQuAD file of which static int8 takes its scales.")
    ] = SAMPLE,
    if_needed: Annotated[
        bool,
        typer.Option(
            "--if-needed",
            help="Make only what is missing or older than its inputs; without CHECKPOINT, of the "
            "checkpoint that the repository was made from; without --variants, those that are "
            "there, or else what is the fastest here.",
        ),
    ] = False,
) -> None:
    """Export a fine-tuned ELECTRA checkpoint to a Triton model repository."""
    console = Console(width=None if sys.stdout.isatty() else 120)  # a log has room
    try:
        gpu = serving_gpu()
        selected = select_variants(variants)
        previous = previous_report(repository) if if_needed else None
        if previous and checkpoint is None:
            checkpoint, revision = previous.checkpoint, previous.revision
            sequence_length = sequence_length or previous.sequence_length
        checkpoint = checkpoint or _bundled()
        sequence_length = sequence_length or SEQUENCE_LENGTH
        if if_needed and not variants:
            selected = _served(previous, gpu)
        if previous:
            selected = outdated(
                previous, repository, Path(checkpoint), selected, sequence_length, calibration
            )
        if selected:
            read_examples(calibration)
            if dataset and (notice := metric_notice(read_examples(dataset))):
                console.print(notice, highlight=False)
            report = _export(
                *(console, checkpoint, revision, selected, repository),
                *(sequence_length, calibration, dataset, gpu),
            )
            console.print(report_table(report))
            console.print(f"with plots: {repository / PAGE}", highlight=False)
            print(*starting(lay_out_served(repository, report.variants)), sep="\n")
    except (CheckpointError, ExportError, SquadError) as error:
        typer.echo(f"export: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("export: interrupted", err=True)
        raise typer.Exit(128 + signal.SIGINT) from None


def _bundled() -> str:
    """Return the bundled checkpoint; raises ExportError outside a checkout, which has it."""
    if not Path(BUNDLED_CHECKPOINT).is_dir():
        raise ExportError(
            f"the bundled checkpoint is in a checkout of this project, and {BUNDLED_CHECKPOINT} is "
            "not in this folder; give a CHECKPOINT: its folder, or owner/name of the hub"
        )
    return BUNDLED_CHECKPOINT


def _served(previous: Report | None, gpu: Gpu | None) -> tuple[Variant, ...]:
    """Return what is kept fresh: what was exported, or else what is to be served here.

    That is the fastest on this CPU; or those for the GPU, whose export finds the fastest. They
    are made too where there is a GPU by now, and nothing that was exported is for it.
    """
    there = {each for each in VARIANTS if previous and each.model_name in previous.variants}
    for_gpu = set(variants_for_gpu(gpu.capability)) if gpu else set()
    wanted = there | (for_gpu if not there & for_gpu else set())
    return (
        tuple(each for each in VARIANTS if each in wanted) or variants_for_cpu(read_cpu().flags)[:1]
    )


def _export(
    console: Console,
    name: str,
    revision: str | None,
    variants: tuple[Variant, ...],
    repository: Path,
    sequence_length: int,
    calibration: Path,
    dataset: Path | None,
    gpu: Gpu | None,
) -> Report:
    source = resolve(name, revision)
    with step(console, f"read {source.name}"):
        # the steps read the weights again, each in a process of its own; kept here, they would
        # take their memory all along
        checkpoint = replace(read_checkpoint(source.path), weights={})
    for notice in checkpoint.notices:
        console.print(notice, highlight=False)
    from export.pipeline import Request, export  # takes a while, which --if-needed need not

    request = Request(
        checkpoint=checkpoint,
        variants=variants,
        repository=repository,
        sequence_length=sequence_length,
        calibration=calibration,
        dataset=dataset,
        name=source.name,
        revision=source.revision,
        gpu=gpu,
    )
    return export(request, partial(step, console))


def _terminate(number: int, _: object) -> None:
    """End as Ctrl-C does, so that the staging folder is cleared."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminate)
    typer.run(main)
