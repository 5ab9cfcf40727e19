"""The plots of a report, as SVG for a page whose style sheet sets their colours."""

import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from matplotlib.transforms import Bbox, offset_copy

from export.figures import ATTENTION, OTHER_FUSED, count, short_name, variant_of
from export.report import Report

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
_LIGHT = {name: light for name, (light, _) in COLOURS.items()}
_INK, _MUTED, _LINE, _GATE = (_LIGHT[name] for name in ("ink", "muted", "line", "gate"))

_WIDTH, _ROW, _MARGIN = 5.2, 0.3, 0.85  # inches
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_BAR = 0.54  # of a row
_STYLE: dict[Any, Any] = {
    "font.size": 10.5,
    "font.family": "sans-serif",
    "text.parse_math": False,  # a dollar in a name is a dollar
    "svg.fonttype": "none",  # text stays text: to select, to search, in the page's own font
    "text.color": _INK,
    "axes.axisbelow": True,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "xtick.color": _LINE,
    "xtick.labelcolor": _MUTED,
    "ytick.color": _LINE,
    "ytick.labelcolor": _INK,
    "ytick.left": False,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.labelcolor": _MUTED,
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


@mpl.rc_context(_STYLE)
def differences(report: Report) -> str:
    """Draw the largest and the mean logit difference of each variant, and its gate."""
    figure, axes = _rows(list(report.variants))
    gates = {
        row: variant.tolerance
        for row, name in enumerate(report.variants)
        if (variant := variant_of(name)) and variant.tolerance is not None
    }
    low, high = _span(report, gates.values())
    axes.set(xscale="log", xlim=(low, high), xlabel="difference of logits, log scale")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
    for row, gate in gates.items():
        axes.barh(row, high - gate, 0.7, gate, color=_GATE, alpha=0.1, zorder=0)
        axes.plot([gate, gate], [row - 0.35, row + 0.35], color=_GATE, lw=1.8, zorder=1)
    for row, (name, variant_row) in enumerate(report.variants.items()):
        parity, colour = variant_row.parity, _colour(name)
        # no difference at all has no place on a log scale: it stands at the edge
        mean = max(parity.mean_logit_difference, low)
        largest = max(parity.largest_logit_difference, low)
        axes.plot([mean, largest], [row, row], color=colour, lw=1.5, alpha=0.6)
        axes.plot(mean, row, "o", color=colour, ms=5, mfc="none", mew=1.2, clip_on=False)
        axes.plot(largest, row, "o", color=colour, ms=6.5, clip_on=False)
        _number(axes, row, f"{parity.largest_logit_difference:.1e}")
    axes.plot([], [], "o", color=_MUTED, ms=5, mfc="none", label="mean")
    axes.plot([], [], "o", color=_MUTED, ms=6.5, label="largest")
    axes.plot([], [], "|", color=_GATE, ms=9, mew=1.8, label="gate of the export")
    figure.legend(loc="outside upper center", ncols=3)
    return _svg(figure, "Logit difference by variant")


@mpl.rc_context(_STYLE)
def sizes(report: Report) -> str:
    """Draw the size of each variant's files."""
    values = {name: row.size_bytes / 1e6 for name, row in report.variants.items()}
    figure, axes = _bars(values, "{:.1f}")
    axes.set_xlabel("MB of model files")
    return _svg(figure, "Size by variant")


@mpl.rc_context(_STYLE)
def speed_and_accuracy(report: Report) -> str | None:
    """Draw speed against the difference in F1 to FP32; None where fewer than two have both."""
    both = {
        name: (row.speed, row.accuracy.f1_difference)
        for name, row in report.variants.items()
        if row.speed and row.accuracy
    }
    if len(both) < 2:
        return None
    figure = Figure(figsize=(_WIDTH, 3.75), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color=_MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
    for name, (speed, f1) in both.items():
        colour = _colour(name)
        axes.plot([speed.lowest, speed.highest], [f1, f1], color=colour, lw=1.5, alpha=0.5)
        axes.plot(speed.windows_per_second, f1, "o", color=colour, ms=7)
    axes.margins(x=0.14, y=0.3)  # room for names
    axes.set(xlabel="windows per second", ylabel="F1 to FP32, points", xlim=(0, None))
    axes.grid(color=_LINE, lw=0.6)
    axes.tick_params(length=0, labelcolor=_MUTED)
    points = {name: (speed.windows_per_second, f1) for name, (speed, f1) in both.items()}
    _label(figure, axes, points)
    return _svg(figure, "Speed against accuracy")


@mpl.rc_context(_STYLE)
def speeds(report: Report) -> str | None:
    """Draw the speed of each variant; None where it was not measured."""
    measured = {name: row.speed for name, row in report.variants.items() if row.speed}
    if not measured:
        return None
    figure, axes = _bars(
        {name: each.windows_per_second for name, each in measured.items()}, "{:.0f}"
    )
    for row, each in enumerate(measured.values()):
        axes.plot([each.lowest, each.highest], [row, row], color=_INK, lw=1.2)
    axes.set_xlabel("windows per second")
    return _svg(figure, "Speed by variant")


@mpl.rc_context(_STYLE)
def operators(report: Report) -> str | None:
    """Draw what the nodes of each ONNX graph are; None where there is no such graph."""
    graphs = {name: row.operators for name, row in report.variants.items() if row.operators}
    if not graphs:
        return None
    figure, axes = _rows(list(graphs))
    for row, counts in enumerate(graphs.values()):
        attention, fused = count(counts, ATTENTION), count(counts, OTHER_FUSED)
        total = sum(counts.values())
        axes.barh(row, attention, _BAR, color=_LIGHT["onnx"])
        axes.barh(row, fused, _BAR, attention, color=_LIGHT["openvino"])
        axes.barh(row, total - attention - fused, _BAR, attention + fused, color=_LINE)
        _number(axes, row, str(total))
    parts = {"attention, fused": _LIGHT["onnx"], "other fused": _LIGHT["openvino"], "rest": _LINE}
    for label, colour in parts.items():
        axes.plot([], [], "s", color=colour, ms=7, label=label)
    figure.legend(loc="outside upper center", ncols=3)
    axes.set_xlabel("nodes of the ONNX graph")
    return _svg(figure, "Operators of the ONNX graphs")


def _power(value: float) -> str:
    """Return a power of ten as text."""
    return "10" + f"{math.log10(value):.0f}".translate(_SUPERSCRIPTS)


def _span(report: Report, gates: Iterable[float]) -> tuple[float, float]:
    """Return limits of a log axis on which every difference and gate has its place."""
    parities = [row.parity for row in report.variants.values()]
    values = [
        *gates,
        *(parity.mean_logit_difference for parity in parities),
        *(parity.largest_logit_difference for parity in parities),
    ]
    shown = [value for value in values if value > 0] or [1.0]
    return min(shown) / 3, max(shown) * 3


def _label(figure: Figure, axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
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
            line = {"arrowstyle": "-", "color": _MUTED, "lw": 0.6, "shrinkA": 0, "shrinkB": 4}
            axes.annotate("", (x, y), offset, textcoords="offset points", arrowprops=line)


def _bars(values: Mapping[str, float], number: str) -> tuple[Figure, Axes]:
    figure, axes = _rows(list(values))
    colours = [_colour(name) for name in values]
    axes.barh(range(len(values)), list(values.values()), _BAR, color=colours)
    for row, value in enumerate(values.values()):
        _number(axes, row, number.format(value))
    return figure, axes


def _rows(names: Sequence[str]) -> tuple[Figure, Axes]:
    """Return axes with one row per variant, the first on top."""
    figure = Figure(figsize=(_WIDTH, _MARGIN + _ROW * len(names)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_yticks(range(len(names)), [short_name(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", color=_LINE, lw=0.6)
    return figure, axes


def _number(axes: Axes, row: int, text: str) -> None:
    """Write a row's figure to the right of the axes, where all of them line up."""
    edge = offset_copy(axes.get_yaxis_transform(), axes.get_figure(root=True), x=52, units="points")
    axes.text(1, row, text, transform=edge, ha="right", va="center")


def _colour(model_name: str) -> str:
    variant = variant_of(model_name)
    return _LIGHT[variant.format] if variant else _MUTED


def _svg(figure: Figure, title: str) -> str:
    """Return ``figure`` as an SVG element in the colours of the page."""
    buffer = io.StringIO()
    # the salt keeps the ids of several plots in one page apart, and the same in every run
    with mpl.rc_context({"svg.hashsalt": title, "svg.id": title.replace(" ", "-").lower()}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    text = buffer.getvalue()
    for name, light in _LIGHT.items():
        text = text.replace(light, f"var(--{name})")
    # the ids of groups are the same in every plot, and nothing refers to them
    element = re.sub(r'<g id="[^"]*"', "<g", text[text.index("<svg") :])
    return element.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
