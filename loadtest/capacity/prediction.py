"""The simulated queue beside measurements of the same stack, as a table and a plot."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import matplotlib as mpl
from matplotlib.figure import Figure
from rich.table import Table

from loadtest.capacity.simulation import Simulated, simulate
from loadtest.capacity.work import QuestionCost, Work
from loadtest.report.common_plots import log_axis
from loadtest.result import LoadRow
from loadtest.samples import summarize
from pages.drawing import SERIES, STYLE, new_figure, write_legend

NOTE = "Milliseconds. The simulation knows batch times and one user alone; no open loop was fitted."


@dataclass(frozen=True)
class Point:
    """One rate of an open loop, measured and simulated."""

    row: LoadRow
    simulated: Simulated


def on_shared_cores(work: Work, cores: int) -> Work:
    """Return the work where gateways and clients share the cores of the device.

    The work around a batch keeps one core busy, and a batch keeps all of them busy. So that work
    takes ``around / cores`` of the device's time.
    """
    return replace(work, taken=work.around / cores)


def predict(rows: Sequence[LoadRow], questions: Sequence[QuestionCost], work: Work) -> list[Point]:
    """Simulate each measured rate of an open loop."""
    opened = sorted((row for row in rows if row.loop == "open"), key=lambda row: row.level)
    return [Point(row, simulate(questions, work, row.level)) for row in opened]


def prediction_table(points: Sequence[Point]) -> Table:
    """Return the percentiles and mean batches, measured and simulated."""
    columns = ("p50", "p90", "p99", "batch")
    table = Table(
        "arrivals/s",
        *(f"{name} {kind}" for name in columns for kind in ("measured", "simulated")),
    )
    for point in points:
        measured = summarize(point.row.latencies)
        cells = [f"{point.row.level:g}"]
        for share, value in ((50, measured.p50), (90, measured.p90), (99, measured.p99)):
            cells += [f"{value:.1f}", f"{point.simulated.percentile(share):.1f}"]
        batch = point.row.mean_batch
        cells += ["" if batch is None else f"{batch:.2f}", f"{point.simulated.mean_batch:.2f}"]
        table.add_row(*cells)
    return table


@mpl.rc_context(STYLE)
def prediction_plot(
    points: Sequence[Point], questions: Sequence[QuestionCost], work: Work
) -> Figure:
    """Draw p50 and p99 over the rate, measured as marks and simulated as lines."""
    figure = new_figure()
    axes = figure.add_subplot()
    highest = points[-1].row.level
    rates = [highest * step / 24 for step in range(1, 26)]
    simulated = [simulate(questions, work, rate) for rate in rates]
    values: list[float] = []
    for share, colour in ((50, SERIES[0]), (99, SERIES[1])):
        line = [each.percentile(share) for each in simulated]
        marks = [float(getattr(summarize(each.row.latencies), f"p{share}")) for each in points]
        axes.plot(rates, line, color=colour, label=f"p{share}, simulated")
        levels = [each.row.level for each in points]
        axes.plot(levels, marks, "o", color=colour, label=f"p{share}, measured")
        values += line + marks
    log_axis(axes, values)
    axes.set(xlabel="arrivals per second, at random", ylabel="ms, log scale")
    axes.set_xlim(left=0)
    write_legend(figure)
    return figure
