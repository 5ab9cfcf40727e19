"""The progress of a training: a live line on a terminal, elsewhere a new line each minute."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 60
SMOOTHING = 0.98  # of the loss, from one step to the next


@dataclass
class Meter:
    """Steps, their loss and their cost, over all processes that worked on a training."""

    step: int = 0
    loss: float = 0.0  # smoothed
    tokens: int = 0
    seconds: float = 0.0

    def count(self, loss: float, tokens: int, seconds: float) -> None:
        """Count one step."""
        self.loss = SMOOTHING * self.loss + (1 - SMOOTHING) * loss if self.step else loss
        self.step += 1
        self.tokens += tokens
        self.seconds += seconds

    @property
    def tokens_per_second(self) -> float:
        """The mean of all steps."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def seconds_left(self, steps: int) -> float:
        """How long the rest of ``steps`` takes at this rate."""
        return (steps - self.step) * self.seconds / max(self.step, 1)


@contextmanager
def progress_shown(
    meter: Meter, steps: int, console: Console, unit: str = "step"
) -> Iterator[Callable[[], None]]:
    """Yield a function that shows ``meter``: always on a terminal, elsewhere once a minute."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    last_line = time.monotonic()

    def refresh() -> None:
        nonlocal last_line
        if console.is_terminal:
            progress.update(task, completed=meter.step, description=_line(meter, steps))
        elif time.monotonic() - last_line >= SECONDS_BETWEEN_LINES:
            last_line = time.monotonic()
            console.print(f"{unit} {meter.step} of {steps}: {_line(meter, steps)}")

    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=steps, completed=meter.step)
        yield refresh


def _line(meter: Meter, steps: int) -> str:
    left = timedelta(seconds=round(meter.seconds_left(steps)))
    loss = f"loss {meter.loss:.3f}, " if meter.loss else ""  # reading has none
    return f"{loss}{meter.tokens_per_second:,.0f} tokens/s, {left} left"


def bar(console: Console) -> Progress:
    """Return a progress bar for a few minutes of work; it is shown on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )
