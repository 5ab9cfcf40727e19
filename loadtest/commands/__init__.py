"""The commands of ``python -m loadtest``, one module each."""

from collections.abc import Callable

COMMANDS: tuple[Callable[..., None], ...] = ()
