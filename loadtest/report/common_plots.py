"""What the plots of batches and of load share: log axes, shares of a sum, percentile curves."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, sqrt
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from loadtest.report.figures import three_figures
from loadtest.report.series import Series
from pages.drawing import (
    BAR,
    MUTED,
    PARTS,
    STYLE,
    Plot,
    new_figure,
    row_axes,
    write_legend,
    write_number,
)

Panel = Sequence[tuple[Series[Any], Sequence[float]]]  # lines, each with its samples, ms

_SHORTEST = 6  # high over low of a log axis, at least
_POINTS = 200  # per curve: more than a screen shows
_PANELS = 6
_TICKS = {2: "50", 10: "90", 100: "99", 1_000: "99.9", 10_000: "99.99"}


def log_axis(axes: Axes, values: Iterable[float]) -> None:
    """Make y logarithmic, with plain numbers and room below and above ``values``."""
    known = [value for value in values if value > 0] or [1.0]
    # at least so long that two of the steps below get a label
    margin = max(1.25, sqrt(_SHORTEST * min(known) / max(known)))
    low, high = min(known) / margin, max(known) * margin
    axes.set(yscale="log", ylim=(low, high))
    # with powers of ten alone, a short axis would have one label or none
    steps = (1.0, 2.0, 5.0) if high / low < 1000 else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(subs=steps, numticks=20))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(NullLocator())


def level_axis(axes: Axes, levels: Iterable[float]) -> None:
    """Make x logarithmic, with a tick at each level that has room for its label."""
    distinct = sorted(set(levels))
    axes.set(xscale="log", xlim=(distinct[0] / 1.3, distinct[-1] * 1.3))
    shown = [distinct[0]]
    room = (distinct[-1] / distinct[0]) ** (1 / 14)
    for each in distinct[1:]:
        if each / shown[-1] > max(room, 1.01):
            shown.append(each)
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def stacked_shares(
    groups: Mapping[str, Mapping[str, Sequence[float]]], parts: Sequence[str]
) -> Figure:
    """Draw each row's parts as shares of their sum, which is written to its right.

    ``groups`` has the ms of a row's ``parts``, by the group's heading and the row's label.
    """
    rows: list[tuple[str, Sequence[float] | None]] = [
        row for heading, group in groups.items() for row in ((heading, None), *group.items())
    ]
    figure, axes = row_axes({row: label for row, (label, values) in enumerate(rows) if values})
    for row, (label, values) in enumerate(rows):
        if values is None:
            axes.text(0, row + 0.1, label, va="center", color=MUTED, fontsize=9.5)
            continue
        shares = np.array(values) / sum(values)
        lefts = np.cumsum(shares) - shares
        axes.barh([row] * len(shares), shares, BAR, lefts, color=PARTS[: len(shares)])
        write_number(axes, row, f"{three_figures(sum(values))} ms")
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    axes.grid(visible=False)
    for part, colour in zip(parts, PARTS, strict=False):
        axes.plot([], [], "s", color=colour, ms=7, label=part)
    write_legend(figure, columns=3)
    return figure


@mpl.rc_context(STYLE)
def percentile_plot(name: str, title: str, panels: Mapping[str, Panel]) -> Plot:
    """Draw the curves of each panel; of more than six panels, six at even distances."""
    heads = list(panels)
    shown = [heads[place] for place in _chosen(len(heads))]
    columns = min(2, len(shown))
    rows = ceil(len(shown) / columns)
    figure = new_figure(0.6 + 1.9 * rows + (1.0 if rows == 1 else 0))
    for place, head in enumerate(shown):
        axes = figure.add_subplot(rows, columns, place + 1)
        for series, samples in panels[head]:
            axes.plot(
                *_curve(samples),
                drawstyle="steps-post",
                color=series.colour,
                ls=series.dashes,
                label=series.label,
            )
        log_axis(axes, [value for _, samples in panels[head] for value in samples])
        rarest = max(len(samples) for _, samples in panels[head])
        axes.set(xscale="log", xlim=(1, max(20, 2 * rarest)), title=head)
        axes.xaxis.set_major_locator(FixedLocator(list(_TICKS)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda odds, _: _TICKS[round(odds)]))
        axes.xaxis.set_minor_locator(NullLocator())
    figure.supxlabel("percentile, the tail stretched", color=MUTED, size=10)
    figure.supylabel("ms, log scale", color=MUTED, size=10)
    write_legend(figure)
    left_out = f" {len(shown)} of {len(heads)} are shown." if len(shown) < len(heads) else ""
    return Plot(
        name,
        title,
        "All samples: a line's height at a percentile is the ms that this share did not exceed. "
        f"Each step to the right is ten times rarer; a line ends at its slowest sample.{left_out}",
        figure,
    )


def _curve(samples: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the points of a curve: one in x samples is slower than y (ms)."""
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    count = len(ordered)
    # at even distances on the stretched axis, so that the tail keeps all of its samples
    beyond = np.unique(np.geomspace(1, count, _POINTS).round().astype(int))[::-1]
    return count / beyond, ordered[count - beyond]


def _chosen(count: int) -> list[int]:
    """Return up to six of ``count`` places, the first and the last among them."""
    return sorted({round(each) for each in np.linspace(0, count - 1, min(count, _PANELS))})
