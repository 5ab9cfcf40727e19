"""The commands of ``python -m loadtest``: each is a module with a function of the same name."""

from collections.abc import Callable
from importlib import import_module

COMMANDS = (
    *("bench", "load", "slo", "web", "baseline", "versus", "loadgen", "report", "compare"),
    *("windows", "sessions", "capacity"),
)


def command(name: str) -> Callable[..., None]:
    """Return the command ``name``, one of ``COMMANDS``.

    Its module is imported only now, as the imports of all commands take a second.
    """
    found: Callable[..., None] = getattr(import_module(f"{__name__}.{name}"), name)
    return found
