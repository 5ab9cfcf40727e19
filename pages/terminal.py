"""The terminal that tables are printed on."""

import sys

from rich.console import Console


def terminal() -> Console:
    """Return a console for tables, which get 120 columns in a log."""
    return Console(width=None if sys.stdout.isatty() else 120)
