"""How every plot looks: its colours, type, rows and legend, as SVG and as PNG."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from math import ceil
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox, offset_copy

#: Colours by their CSS variable: on a light ground, and on a dark one. Plots are drawn in the light
#: ones; the SVG then refers to the variables instead, so that it follows the reader's colour mode.
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

BAR = 0.6  # of a row
_WIDTH, _HEIGHT, _ROW, _AXIS, _LEGEND_LINE = 5.4, 3.4, 0.28, 0.65, 0.18  # inches
_NUMBER = 60  # points: room for the numbers beside the axes
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
# neither a date nor the addresses of vocabularies: they would only be noise in the page
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_PNG_DPI = 160
_LONGEST_OF_TWO = 30  # characters: two longer labels do not fit side by side
# offsets of a name from its dot, in points; the nearest at which it hides nothing is taken
_PLACES: list[tuple[int, int, Literal["left", "right"]]] = [
    (side * (4 if rise else 8), rise, "left" if side > 0 else "right")
    for rise in (0, 14, -14, 27, -27, 40, -40, 53, -53)
    for side in (1, -1)
]


@dataclass(frozen=True)
class Plot:
    """A figure with what stands around it; ``name`` is that of its PNG."""

    name: str
    title: str
    caption: str
    figure: Figure


def new_figure(height: float = _HEIGHT) -> Figure:
    """Return a figure as wide as every other, ``height`` inches high."""
    return Figure(figsize=(_WIDTH, height), layout="constrained")


def row_axes(labels: Mapping[int, str]) -> tuple[Figure, Axes]:
    """Return a figure with rows from 0 downwards, as many as the last of ``labels`` needs."""
    rows = max(labels) + 1
    figure = new_figure(_AXIS + _ROW * rows)
    axes = figure.add_subplot()
    axes.set_yticks(list(labels), list(labels.values()))
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    return figure, axes


def write_number(axes: Axes, row: int, text: str) -> None:
    """Write a row's number to the right of the axes, in line with the others."""
    figure = axes.get_figure(root=True)
    edge = offset_copy(axes.get_yaxis_transform(), figure, x=_NUMBER, units="points")
    axes.text(1, row, text, transform=edge, ha="right", va="center")


def write_legend(figure: Figure, columns: int | None = None) -> None:
    """Write one legend for all axes above them, each label once; the figure grows to fit it.

    Without ``columns`` it has two, or one where a label is long.
    """
    handles = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    columns = columns or (2 if max(map(len, handles)) <= _LONGEST_OF_TWO else 1)
    figure.set_figheight(figure.get_figheight() + _LEGEND_LINE * ceil(len(handles) / columns))
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=columns)


def write_names(
    figure: Figure, axes: Axes, points: Mapping[str, tuple[float, float]], line: float
) -> None:
    """Write each name beside its point, where it hides neither others nor the level ``line``."""
    figure.draw_without_rendering()  # so that texts can be measured
    spots = axes.transData.transform(list(points.values()))
    taken = [Bbox.from_extents(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    height = axes.transData.transform((0, line))[1]
    taken.append(Bbox.from_extents(axes.bbox.x0, height - 1, axes.bbox.x1, height + 1))
    for name, (x, y) in points.items():
        text = axes.text(x, y, name, va="center", fontsize=9.5, in_layout=False)
        for right, up, side in _PLACES:
            text.set_transform(offset_copy(axes.transData, figure, right, up, units="points"))
            text.set_horizontalalignment(side)
            box = text.get_window_extent()
            inside = axes.bbox.contains(*box.min) and axes.bbox.contains(*box.max)
            if inside and not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)
        if up:
            offset = (right, up - 5 if up > 0 else up + 5)
            leader = {"arrowstyle": "-", "color": MUTED, "lw": 0.6, "shrinkA": 0, "shrinkB": 4}
            axes.annotate("", (x, y), offset, textcoords="offset points", arrowprops=leader)


def svg(plot: Plot) -> str:
    """Return a plot as an SVG element in the colours of the page."""
    buffer = io.StringIO()
    # the salt makes ids differ between the plots of a page, and repeat from run to run
    with mpl.rc_context(STYLE | {"svg.hashsalt": plot.name, "svg.id": plot.name}):
        plot.figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    text = buffer.getvalue()
    for name, light in LIGHT.items():
        text = text.replace(light, f"var(--{name})")
    # the ids of groups are the same in every plot, and nothing refers to them
    element = re.sub(r'<g id="[^"]*"', "<g", text[text.index("<svg") :])
    return element.replace("<svg", f'<svg role="img" aria-label="{escape(plot.title)}"', 1)


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG on white."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=_PNG_DPI, facecolor="white")
    return buffer.getvalue()
