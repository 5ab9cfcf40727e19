"""Percentile curves: latency up to the rarest sample, on an axis that stretches the tail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from loadtest.report.drawing import STYLE, Plot, log_axis, new_figure, write_legend

_POINTS = 200  # of a curve: more than a screen shows
_PANELS = 6
_TICKS = {2: "50", 10: "90", 100: "99", 1_000: "99.9", 10_000: "99.99"}


@dataclass(frozen=True)
class Curve:
    """One line of a panel."""

    label: str
    colour: str
    dashes: str
    samples: Sequence[float]  # ms


@mpl.rc_context(STYLE)
def percentile_plot(name: str, title: str, panels: Mapping[str, Sequence[Curve]]) -> Plot:
    """Draw the curves of each panel; of more than six panels, six evenly chosen ones."""
    heads = list(panels)
    shown = [heads[place] for place in _chosen(len(heads))]
    columns = min(2, len(shown))
    rows = ceil(len(shown) / columns)
    figure = new_figure(0.6 + 1.9 * rows + (1.0 if rows == 1 else 0))
    for place, head in enumerate(shown):
        axes = figure.add_subplot(rows, columns, place + 1)
        for curve in panels[head]:
            odds, values = _curve(curve.samples)
            look: dict[str, Any] = {"color": curve.colour, "ls": curve.dashes, "label": curve.label}
            axes.plot(odds, values, drawstyle="steps-post", **look)
        log_axis(axes, [value for curve in panels[head] for value in curve.samples])
        rarest = max(len(curve.samples) for curve in panels[head])
        axes.set(xscale="log", xlim=(1, max(20, 2 * rarest)), title=head)
        axes.xaxis.set_major_locator(FixedLocator(list(_TICKS)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda odds, _: _TICKS[round(odds)]))
        axes.xaxis.set_minor_locator(NullLocator())
    figure.supxlabel("percentile, the tail stretched", color=axes.xaxis.label.get_color(), size=10)
    figure.supylabel("ms, log scale", color=axes.yaxis.label.get_color(), size=10)
    write_legend(figure)
    left_out = f" {len(shown)} of {len(heads)} are shown." if len(shown) < len(heads) else ""
    return Plot(
        name,
        title,
        "Every sample: at a height of so many ms, the share that was no slower. Each step to the "
        f"right is ten times rarer; a line ends at its slowest sample.{left_out}",
        figure,
    )


def _curve(samples: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return one in how many samples is slower, and than what (ms)."""
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    count = len(ordered)
    # evenly on the stretched axis, so that the tail has all of its samples
    beyond = np.unique(np.geomspace(1, count, _POINTS).round().astype(int))[::-1]
    return count / beyond, ordered[count - beyond]


def _chosen(count: int) -> list[int]:
    """Return up to six of ``count`` places, the first and the last among them."""
    return sorted({round(each) for each in np.linspace(0, count - 1, min(count, _PANELS))})
