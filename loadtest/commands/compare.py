"""``compare``: the ratios of two sides, with confidence intervals."""

from typing import Annotated

import typer
from rich.table import Table

from loadtest.report.comparison import FEWEST_FOR_P99, Comparison, Ratio
from loadtest.report.figures import three_figures
from loadtest.report.sides import doubts, matched, read_side
from pages.terminal import terminal

_SIDE = "FILE, FILE:NAME (a variant or system), or several of them, comma-separated"


def compare(
    a: Annotated[str, typer.Argument(envvar="A", help=_SIDE)],
    b: Annotated[str, typer.Argument(envvar="B", help=_SIDE)],
) -> None:
    """Print A over B with 95 % confidence intervals, and which differences are only noise."""
    side_a, side_b = read_side(a), read_side(b)
    compared = matched(side_a, side_b)
    console = terminal()
    console.print(f"A: {a}\nB: {b}", markup=False, highlight=False, soft_wrap=True)
    console.print(ratio_table(compared))
    if any(each.p99 is None for each in compared.values()):
        print(f"p99 needs {FEWEST_FOR_P99} samples in each round")
    for doubt in doubts(side_a, side_b):
        print(f"note: {doubt}")


def ratio_table(compared: dict[str, Comparison]) -> Table:
    """Return the ratios of A to B under each condition, with their intervals."""
    table = Table(box=None)
    for head in ("", "", "A", "B", "A / B", "95 %", ""):
        table.add_column(head, justify="right" if head else "left")
    for label, each in compared.items():
        table.add_row(label, "p50 ms", *_figures(each.p50))
        if each.p99:
            table.add_row("", "p99 ms", *_figures(each.p99))
        table.add_row("", "per second", *_figures(each.throughput))
    return table


def _figures(ratio: Ratio) -> tuple[str, ...]:
    interval = "{:.3f} to {:.3f}".format(*ratio.interval) if ratio.interval else ""
    figures = (three_figures(ratio.a), three_figures(ratio.b), f"{ratio.value:.3f}")
    return *figures, interval, ratio.verdict
