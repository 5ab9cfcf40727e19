"""The commands of ``python -m loadtest``, one module each."""

from collections.abc import Callable

from loadtest.commands.bench import bench

COMMANDS: tuple[Callable[..., None], ...] = (bench,)
