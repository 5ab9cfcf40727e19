"""The commands of ``python -m loadtest``, one module each."""

from collections.abc import Callable

from loadtest.commands.baseline import baseline
from loadtest.commands.bench import bench
from loadtest.commands.capacity import capacity
from loadtest.commands.compare import compare
from loadtest.commands.load import load
from loadtest.commands.loadgen import loadgen
from loadtest.commands.report import report
from loadtest.commands.sessions import sessions
from loadtest.commands.slo import slo
from loadtest.commands.versus import versus
from loadtest.commands.web import web
from loadtest.commands.windows import windows

COMMANDS: tuple[Callable[..., None], ...] = (
    bench,
    load,
    slo,
    web,
    baseline,
    versus,
    loadgen,
    report,
    compare,
    windows,
    sessions,
    capacity,
)
