"""The commands of ``python -m loadtest``, one module each."""

from collections.abc import Callable

from loadtest.commands.load import load
from loadtest.commands.slo import slo

COMMANDS: tuple[Callable[..., None], ...] = (load, slo)
