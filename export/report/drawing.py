"""How every plot looks: its colours and type, rows of variants, labels, and its SVG."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox, offset_copy

from export.report.figures import short_name, variant_of

#: Colours by the name of their CSS variable: on light ground and on dark. Plots are drawn in the
#: first, which the SVG then replaces with the variable, so they follow the reader's mode.
COLOURS = {
    "ink": ("#1d2733", "#e4e9ee"),
    "muted": ("#5d6b7a", "#9aa7b4"),
    "line": ("#d8dee4", "#37424d"),
    "gate": ("#b3261e", "#ff8a80"),
    "onnx": ("#2f6fb3", "#74b0ee"),
    "openvino": ("#1e7d64", "#5cc2a3"),
    "savedmodel": ("#b4601a", "#eba260"),
}
LIGHT = {name: light for name, (light, _) in COLOURS.items()}
INK, MUTED, LINE, GATE = (LIGHT[name] for name in ("ink", "muted", "line", "gate"))

WIDTH, _ROW, _MARGIN = 5.2, 0.3, 0.85  # inches
BAR = 0.54  # of a row
STYLE: dict[Any, Any] = {
    "font.size": 10.5,
    "font.family": "sans-serif",
    "text.parse_math": False,  # a dollar in a name is a dollar
    "svg.fonttype": "none",  # text stays text: to select, to search, in the page's own font
    "text.color": INK,
    "axes.axisbelow": True,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.color": LINE,
    "ytick.labelcolor": INK,
    "ytick.left": False,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.labelcolor": MUTED,
    "legend.handletextpad": 0.5,
}
# no date and no addresses of vocabularies, which would only be noise in the page
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))

# where a point's label may stand, in points from it; the nearest that hides nothing is taken
_PLACES: list[tuple[int, int, Literal["left", "right"]]] = [
    (side * (4 if rise else 8), rise, "left" if side > 0 else "right")
    for rise in (0, 14, -14, 27, -27, 40, -40, 53, -53)
    for side in (1, -1)
]


def write_names(figure: Figure, axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Write each name beside its point, where it hides neither others nor the line of FP32."""
    figure.draw_without_rendering()  # so that texts can be measured
    spots = axes.transData.transform(list(points.values()))
    taken = [Bbox.from_extents(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    fp32 = axes.transData.transform((0, 0))[1]
    taken.append(Bbox.from_extents(axes.bbox.x0, fp32 - 1, axes.bbox.x1, fp32 + 1))
    for name, (x, y) in points.items():
        text = axes.text(x, y, short_name(name), va="center", fontsize=9.5, in_layout=False)
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
            line = {"arrowstyle": "-", "color": MUTED, "lw": 0.6, "shrinkA": 0, "shrinkB": 4}
            axes.annotate("", (x, y), offset, textcoords="offset points", arrowprops=line)


def bar_axes(values: Mapping[str, float], number: str) -> tuple[Figure, Axes]:
    """Return axes with a bar per variant, and its figure formatted by ``number``."""
    figure, axes = row_axes(list(values))
    colours = [colour_of(name) for name in values]
    axes.barh(range(len(values)), list(values.values()), BAR, color=colours)
    for row, value in enumerate(values.values()):
        write_number(axes, row, number.format(value))
    return figure, axes


def row_axes(names: Sequence[str]) -> tuple[Figure, Axes]:
    """Return axes with one row per variant, the first on top."""
    figure = Figure(figsize=(WIDTH, _MARGIN + _ROW * len(names)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_yticks(range(len(names)), [short_name(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", color=LINE, lw=0.6)
    return figure, axes


def write_number(axes: Axes, row: int, text: str) -> None:
    """Write a row's figure to the right of the axes, where all of them line up."""
    edge = offset_copy(axes.get_yaxis_transform(), axes.get_figure(root=True), x=52, units="points")
    axes.text(1, row, text, transform=edge, ha="right", va="center")


def colour_of(model_name: str) -> str:
    """Return the colour of a variant's format."""
    variant = variant_of(model_name)
    return LIGHT[variant.format] if variant else MUTED


def svg(figure: Figure, title: str) -> str:
    """Return ``figure`` as an SVG element in the colours of the page."""
    buffer = io.StringIO()
    # the salt keeps the ids of several plots in one page apart, and the same in every run
    with mpl.rc_context({"svg.hashsalt": title, "svg.id": title.replace(" ", "-").lower()}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    text = buffer.getvalue()
    for name, light in LIGHT.items():
        text = text.replace(light, f"var(--{name})")
    # the ids of groups are the same in every plot, and nothing refers to them
    element = re.sub(r'<g id="[^"]*"', "<g", text[text.index("<svg") :])
    return element.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
