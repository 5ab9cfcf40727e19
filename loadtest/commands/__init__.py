"""The commands of ``python -m loadtest``: of each a module and its function, both of its name."""

from collections.abc import Callable
from importlib import import_module

COMMANDS = (
    *("bench", "load", "slo", "web", "baseline", "versus", "loadgen", "report", "compare"),
    *("windows", "sessions", "capacity"),
)


def command(name: str) -> Callable[..., None]:
    """Return the command ``name``, one of ``COMMANDS``.

    Its module is imported here and not before: what the others need takes a second.
    """
    found: Callable[..., None] = getattr(import_module(f"{__name__}.{name}"), name)
    return found
