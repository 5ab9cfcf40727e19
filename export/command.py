"""What the two commands of an export share: defaults, the export itself, and how they end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from embedded.gpu import Gpu
from export.checkpoint.errors import CheckpointError
from export.checkpoint.hub import resolve
from export.checkpoint.reader import read_checkpoint
from export.errors import ExportError
from export.repository import PAGE
from export.served import lay_out_served, starting
from export.steps import report_table, step
from export.variants import Variant
from pages.terminal import terminal
from qa.metric import metric_notice
from qa.squad import SquadError, read_examples

MODELS = Path("model_repository")
BUNDLED_CHECKPOINT = "checkpoints/electra-mini-squad"
SEQUENCE_LENGTH = 384

Repository = Annotated[Path, typer.Option(help="Triton's model repository.")]


def bundled() -> str:
    """Return the bundled checkpoint; raises ExportError outside a checkout, which has it."""
    if not Path(BUNDLED_CHECKPOINT).is_dir():
        raise ExportError(
            f"the bundled checkpoint is in a checkout of this project, and {BUNDLED_CHECKPOINT} is "
            "not in this folder; give a CHECKPOINT: its folder, or owner/name of the hub"
        )
    return BUNDLED_CHECKPOINT


def export_checkpoint(
    name: str,
    variants: tuple[Variant, ...],
    repository: Path,
    sequence_length: int,
    calibration: Path,
    gpu: Gpu | None,
    revision: str | None = None,
    dataset: Path | None = None,
) -> None:
    """Export the checkpoint ``name`` to ``repository``, and print each step and the report.

    Raises CheckpointError, SquadError or ExportError.
    """
    console = terminal()
    read_examples(calibration)
    if dataset and (notice := metric_notice(read_examples(dataset))):
        console.print(notice, highlight=False)
    source = resolve(name, revision)
    with step(console, f"read {source.name}"):
        # the steps read the weights again, each in a process of its own; kept here, they would
        # take their memory all along
        checkpoint = replace(read_checkpoint(source.path), weights={})
    for notice in checkpoint.notices:
        console.print(notice, highlight=False)
    from export.pipeline import Request, export  # slow: only where there is something to make

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
    report = export(request, partial(step, console))
    console.print(report_table(report))
    console.print(f"with plots: {repository / PAGE}", highlight=False)
    print(*starting(lay_out_served(repository, report.variants)), sep="\n")


@contextmanager
def ending() -> Iterator[None]:
    """End the command with one line and exit code 1 after an error of ours, 130 after Ctrl-C."""
    try:
        yield
    except (CheckpointError, ExportError, SquadError) as error:
        typer.echo(f"export: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("export: interrupted", err=True)
        raise typer.Exit(128 + signal.SIGINT) from None


def run(command: Callable[..., None]) -> None:
    """Run ``command`` with the words of the command line; SIGTERM ends it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _terminate)
    typer.run(command)


def _terminate(number: int, _: object) -> None:
    """Leave all blocks, so that the staging folder is cleared."""
    raise SystemExit(128 + number)
