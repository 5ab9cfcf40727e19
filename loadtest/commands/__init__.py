"""The commands of ``python -m loadtest``, one module each."""

from collections.abc import Callable

from loadtest.commands.bench import bench
from loadtest.commands.compare import compare
from loadtest.commands.report import report

COMMANDS: tuple[Callable[..., None], ...] = (bench, report, compare)
