"""The commands of ``python -m loadtest``, one module each."""

from collections.abc import Callable

from loadtest.commands.load import load
from loadtest.commands.slo import slo
from loadtest.commands.web import web

COMMANDS: tuple[Callable[..., None], ...] = (load, slo, web)
