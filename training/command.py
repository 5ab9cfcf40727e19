"""What every command of a training begins and ends with."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import typer
from rich.console import Console

from export.checkpoint.errors import CheckpointError
from qa.squad import SquadError
from qa.windows import WindowError
from training.allocator import keep_freed_memory
from training.errors import TrainingError
from training.place import Place, find_place


@contextmanager
def at_a_place() -> Iterator[tuple[Place, Console]]:
    """Yield where this process runs, and a console that is quiet but for the first of several.

    What cannot be trained is an error of one line, and exit code 1.
    """
    keep_freed_memory()
    try:
        place = find_place()
        yield place, Console(quiet=not place.is_first)
    except (TrainingError, SquadError, WindowError, CheckpointError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
