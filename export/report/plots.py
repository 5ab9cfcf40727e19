"""The plots of a report, as SVG for a page whose style sheet sets their colours."""

import math
from collections.abc import Iterable, Mapping

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from embedded.report import Report, Speed
from export.proof.fused_operators import ATTENTION, OTHERS, count
from export.report.drawing import (
    BAR,
    GATE,
    INK,
    LIGHT,
    LINE,
    MUTED,
    STYLE,
    WIDTH,
    bar_axes,
    colour_of,
    row_axes,
    svg,
    write_names,
    write_number,
)
from export.report.figures import variant_of

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@mpl.rc_context(STYLE)
def differences(report: Report) -> str:
    """Draw the largest and the mean logit difference of each variant, and its gate."""
    figure, axes = row_axes(list(report.variants))
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
        axes.barh(row, high - gate, 0.7, gate, color=GATE, alpha=0.1, zorder=0)
        axes.plot([gate, gate], [row - 0.35, row + 0.35], color=GATE, lw=1.8, zorder=1)
    for row, (name, variant_row) in enumerate(report.variants.items()):
        parity, colour = variant_row.parity, colour_of(name)
        # no difference at all has no place on a log scale: it stands at the edge
        mean = max(parity.mean_logit_difference, low)
        largest = max(parity.largest_logit_difference, low)
        axes.plot([mean, largest], [row, row], color=colour, lw=1.5, alpha=0.6)
        axes.plot(mean, row, "o", color=colour, ms=5, mfc="none", mew=1.2, clip_on=False)
        axes.plot(largest, row, "o", color=colour, ms=6.5, clip_on=False)
        write_number(axes, row, f"{parity.largest_logit_difference:.1e}")
    axes.plot([], [], "o", color=MUTED, ms=5, mfc="none", label="mean")
    axes.plot([], [], "o", color=MUTED, ms=6.5, label="largest")
    axes.plot([], [], "|", color=GATE, ms=9, mew=1.8, label="gate of the export")
    figure.legend(loc="outside upper center", ncols=3)
    return svg(figure, "Logit difference by variant")


@mpl.rc_context(STYLE)
def sizes(report: Report) -> str:
    """Draw the size of each variant's files."""
    values = {name: row.size_bytes / 1e6 for name, row in report.variants.items()}
    figure, axes = bar_axes(values, "{:.1f}")
    axes.set_xlabel("MB of model files")
    return svg(figure, "Size by variant")


@mpl.rc_context(STYLE)
def speed_and_accuracy(report: Report, measured: Mapping[str, Speed], device: str) -> str | None:
    """Draw speed against the difference in F1 to FP32; None where fewer than two have both."""
    both = {
        name: (measured[name], row.accuracy.f1_difference)
        for name, row in report.variants.items()
        if name in measured and row.accuracy
    }
    if len(both) < 2:
        return None
    figure = Figure(figsize=(WIDTH, 3.75), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
    for name, (speed, f1) in both.items():
        colour = colour_of(name)
        axes.plot([speed.lowest, speed.highest], [f1, f1], color=colour, lw=1.5, alpha=0.5)
        axes.plot(speed.windows_per_second, f1, "o", color=colour, ms=7)
    axes.margins(x=0.14, y=0.3)  # room for names
    axes.set(xlabel="windows per second", ylabel="F1 to FP32, points", xlim=(0, None))
    axes.grid(color=LINE, lw=0.6)
    axes.tick_params(length=0, labelcolor=MUTED)
    points = {name: (speed.windows_per_second, f1) for name, (speed, f1) in both.items()}
    write_names(figure, axes, points)
    return svg(figure, f"Speed against accuracy on the {device}")


@mpl.rc_context(STYLE)
def speeds(measured: Mapping[str, Speed], device: str) -> str | None:
    """Draw the speed of each variant; None where none was measured."""
    if not measured:
        return None
    figure, axes = bar_axes(
        {name: each.windows_per_second for name, each in measured.items()}, "{:.0f}"
    )
    for row, each in enumerate(measured.values()):
        axes.plot([each.lowest, each.highest], [row, row], color=INK, lw=1.2)
    axes.set_xlabel("windows per second")
    return svg(figure, f"Speed by variant on the {device}")


@mpl.rc_context(STYLE)
def operators(report: Report) -> str | None:
    """Draw what the nodes of each ONNX graph are; None where there is no such graph."""
    graphs = {name: row.operators for name, row in report.variants.items() if row.operators}
    if not graphs:
        return None
    figure, axes = row_axes(list(graphs))
    for row, counts in enumerate(graphs.values()):
        attention, fused = count(counts, ATTENTION), count(counts, OTHERS)
        total = sum(counts.values())
        axes.barh(row, attention, BAR, color=LIGHT["onnx"])
        axes.barh(row, fused, BAR, attention, color=LIGHT["openvino"])
        axes.barh(row, total - attention - fused, BAR, attention + fused, color=LINE)
        write_number(axes, row, str(total))
    parts = {"attention, fused": LIGHT["onnx"], "other fused": LIGHT["openvino"], "rest": LINE}
    for label, colour in parts.items():
        axes.plot([], [], "s", color=colour, ms=7, label=label)
    figure.legend(loc="outside upper center", ncols=3)
    axes.set_xlabel("nodes of the ONNX graph")
    return svg(figure, "Operators of the ONNX graphs")


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
