"""The commands of ``python -m loadtest``, one module each."""

from collections.abc import Callable

from loadtest.commands.bench import bench
from loadtest.commands.compare import compare
from loadtest.commands.load import load
from loadtest.commands.report import report
from loadtest.commands.slo import slo

COMMANDS: tuple[Callable[..., None], ...] = (bench, load, slo, report, compare)
