"""A progress bar that does not disturb what is timed."""

import time
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

DRAWN_SECONDS = 1.0


class Meter:
    """The progress of a measurement that takes at most ``longest_seconds``.

    ``show`` draws it, at most once a second: a thread that draws could delay a reply that is being
    timed.
    """

    def __init__(self, longest_seconds: float) -> None:
        self._longest = longest_seconds
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("at most {task.fields[left]} left"),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        self._task = self._progress.add_task("starting", total=1.0, left=_clock(longest_seconds))
        self._drawn = 0.0

    def __enter__(self) -> "Meter":
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state on the terminal."""
        self._progress.stop()

    def show(self, what: str, done: float) -> None:
        """Show what is being measured, and the share of the whole that is done."""
        now = time.monotonic()
        if now - self._drawn < DRAWN_SECONDS:
            return
        self._drawn = now
        left = _clock((1 - done) * self._longest)
        self._progress.update(self._task, description=what, completed=done, left=left, refresh=True)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(line, highlight=False)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
