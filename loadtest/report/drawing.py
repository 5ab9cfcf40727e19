"""How every plot of a report looks: its colours, type and axes, as SVG and as PNG."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from matplotlib.transforms import offset_copy

from loadtest.report.wording import three_figures

#: Colours by the name of their CSS variable: on light ground and on dark. Plots are drawn in the
#: first, which the SVG then replaces with the variable, so they follow the reader's mode.
COLOURS = {
    "ink": ("#1d2733", "#e4e9ee"),
    "muted": ("#5d6b7a", "#9aa7b4"),
    "line": ("#d8dee4", "#37424d"),
    "limit": ("#b3261e", "#ff8a80"),
    "series-1": ("#2f6fb3", "#74b0ee"),
    "series-2": ("#b4601a", "#eba260"),
    "series-3": ("#1e7d64", "#5cc2a3"),
    "series-4": ("#7a4fb5", "#b99bf0"),
    "series-5": ("#a8325f", "#f28bae"),
    "series-6": ("#107f97", "#5ec3db"),
    "series-7": ("#6b7714", "#bcc95f"),
    "series-8": ("#7b5d4b", "#c9a68e"),
    "part-1": ("#9fc3e8", "#4f7fae"),
    "part-2": ("#e3b65b", "#b98a2c"),
    "part-3": ("#4d7ea8", "#86b6de"),
    "part-4": ("#86bfa8", "#4e8f76"),
    "part-5": ("#b9c2cb", "#5f6b77"),
    "part-6": ("#d9c7e6", "#83709a"),
}
LIGHT = {name: light for name, (light, _) in COLOURS.items()}
INK, MUTED, LINE, LIMIT = (LIGHT[name] for name in ("ink", "muted", "line", "limit"))
SERIES = [light for name, light in LIGHT.items() if name.startswith("series")]
PARTS = [light for name, light in LIGHT.items() if name.startswith("part")]
MARKERS = "osD^vPX*"

WIDTH, HEIGHT, _LEGEND_LINE = 5.4, 3.4, 0.18  # inches
STYLE: dict[Any, Any] = {
    "font.size": 10.5,
    "font.family": "sans-serif",
    "text.parse_math": False,  # a dollar in a name is a dollar
    "svg.fonttype": "none",  # text stays text: to select, to search, in the page's own font
    "text.color": INK,
    "axes.axisbelow": True,
    "axes.edgecolor": LINE,
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9.5,
    "axes.titlecolor": MUTED,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.color": LINE,
    "ytick.labelcolor": MUTED,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.labelcolor": MUTED,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.4,
}
# no date and no addresses of vocabularies, which would only be noise in the page
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_SALT = {"svg.hashsalt": "loadtest"}
_PNG_DPI = 160
_SHORTEST = 6  # ends of a log axis, high over low
_LONGEST_OF_TWO = 30  # characters of a label, where two stand side by side


@dataclass(frozen=True)
class Plot:
    """A figure with what stands around it; ``name`` is that of its PNG."""

    name: str
    title: str
    caption: str
    figure: Figure


def new_figure(height: float = HEIGHT) -> Figure:
    """Return a figure as wide as every other."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def log_axis(axes: Axes, values: Iterable[float], axis: str = "y") -> None:
    """Make an axis logarithmic from below the least to above the greatest, in plain numbers."""
    known = [value for value in values if value > 0] or [1.0]
    # at least a range in which the steps below have two labels
    margin = max(1.25, sqrt(_SHORTEST * min(known) / max(known)))
    low, high = min(known) / margin, max(known) * margin
    one = getattr(axes, f"{axis}axis")
    axes.set(**{f"{axis}scale": "log", f"{axis}lim": (low, high)})
    # a decade or less would have one label or none
    steps = (1.0, 2.0, 5.0) if high / low < 1000 else (1.0,)
    one.set_major_locator(LogLocator(subs=steps, numticks=20))
    one.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    one.set_minor_formatter(NullFormatter())
    one.set_minor_locator(NullLocator())


def level_axis(axes: Axes, levels: Iterable[float]) -> None:
    """Make x logarithmic with a tick at each level, but none where it would hide another."""
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
    """Draw rows of parts as shares of their sum, which stands to the right of each.

    ``groups`` hold, by their heading and by the label of a row, the ms of its ``parts``.
    """
    lines = len(groups) + sum(map(len, groups.values()))
    figure = new_figure(1.1 + 0.26 * lines)
    axes = figure.add_subplot()
    edge = offset_copy(axes.get_yaxis_transform(), figure, x=62, units="points")
    labels, line = {}, 0
    for heading, rows in groups.items():
        axes.text(0, line + 0.1, heading, va="center", color=MUTED, fontsize=9.5)
        for line, (label, values) in enumerate(rows.items(), line + 1):  # noqa: B020
            labels[line] = label
            shares = np.array(values) / sum(values)
            lefts = np.cumsum(shares) - shares
            axes.barh([line] * len(shares), shares, 0.64, lefts, color=PARTS[: len(shares)])
            axes.text(
                1, line, f"{three_figures(sum(values))} ms", transform=edge, ha="right", va="center"
            )
        line += 1
    axes.set_yticks(list(labels), list(labels.values()))
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set(ylim=(lines - 0.4, -0.6), xlim=(0, 1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    for part, colour in zip(parts, PARTS, strict=False):
        axes.plot([], [], "s", color=colour, ms=7, label=part)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def write_legend(figure: Figure) -> None:
    """Write the labels of all axes above them, each once; the figure grows by what they need."""
    lines = {
        str(line.get_label()): line
        for axes in figure.axes
        for line in axes.get_lines()
        if not str(line.get_label()).startswith("_")
    }
    columns = 2 if max(map(len, lines)) <= _LONGEST_OF_TWO else 1
    figure.set_figheight(figure.get_figheight() + _LEGEND_LINE * ceil(len(lines) / columns))
    figure.legend(lines.values(), lines.keys(), loc="outside upper center", ncols=columns)


def svg(plot: Plot) -> str:
    """Return a plot as an SVG element in the colours of the page."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE | _SALT | {"svg.id": plot.name}):
        plot.figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    text = buffer.getvalue()
    for name, light in LIGHT.items():
        text = text.replace(light, f"var(--{name})")
    # ids of groups are the same in every plot, and nothing refers to them; those of markers and
    # clips are referred to, and get the plot's name, so that several stand in one page
    element = re.sub(r'<g id="[^"]*"', "<g", text[text.index("<svg") :])
    element = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{plot.name}-", element)
    return element.replace("<svg", f'<svg role="img" aria-label="{plot.title}"', 1)


def png(plot: Plot) -> bytes:
    """Return a plot as a PNG on white."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        plot.figure.savefig(buffer, format="png", dpi=_PNG_DPI, facecolor="white")
    return buffer.getvalue()
