"""What the exporter prints: its steps as they go, and the table at the end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as ProgressBar
from rich.table import Table
from rich.text import Text

from embedded.report import Report
from export.isolation import Progress
from export.report.figures import rows

_PAGE_ALONE = ("nodes", "mean difference")  # left to the page when GPU speeds take the room


@contextmanager
def step(console: Console, name: str) -> Iterator[Progress]:
    """Show ``name`` with a spinner on a terminal; then print it with the seconds it took.

    Yields a function to call with how much is done, of how much: the spinner then becomes a bar
    with the time left.
    """
    started = time.monotonic()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with ProgressBar(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
    console.print(f"{name:<36}{time.monotonic() - started:6.1f} s", highlight=False)


def report_table(report: Report) -> Table:
    """Return a table of the variants and their figures that fits 120 characters."""
    title = Text(f"{report.checkpoint}, {report.sequence_length} tokens")
    table = Table(title=title, box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    left_out = _PAGE_ALONE if report.gpu_speeds else ()
    figures = rows(report)
    measured = dict.fromkeys(head for row in figures for head, cell in row.items() if cell.text)
    shown = [head for head in figures[0] if head in measured and head not in left_out]
    for number, head in enumerate(shown):
        words = head.replace(" ", "\n")  # one word per line keeps the columns narrow
        table.add_column(words, justify="right" if number else "left", vertical="bottom")
    for row in figures:
        table.add_row(*(Text(row[head].text or "-") for head in shown))
    return table
