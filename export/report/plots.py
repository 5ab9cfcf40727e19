"""The plots of a report."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from embedded.report import Report, Speed
from export.proof.fused_operators import ATTENTION, OTHERS, count
from export.report.figures import datasets, joined, short_name, variant_of
from pages.drawing import (
    BAR,
    INK,
    LIMIT,
    LINE,
    MUTED,
    SERIES,
    STYLE,
    Plot,
    new_figure,
    row_axes,
    write_legend,
    write_names,
    write_number,
)

Device = Literal["CPU", "GPU"]

_DEVICES: tuple[Device, ...] = ("CPU", "GPU")
_FORMATS = dict(zip(("onnx", "savedmodel", "openvino"), SERIES, strict=False))
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plots(report: Report) -> Iterator[Plot]:
    """Yield every plot for which ``report`` has figures."""
    yield differences(report)
    yield sizes(report)
    for device in _DEVICES:
        if plot := speed_and_accuracy(report, device) or speeds(report, device):
            yield plot
    if plot := operators(report):
        yield plot


@mpl.rc_context(STYLE)
def differences(report: Report) -> Plot:
    """Draw the largest and the mean logit difference of each variant, and its gate."""
    figure, axes = _rows(report.variants)
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
        axes.barh(row, high - gate, 0.7, gate, color=LIMIT, alpha=0.1, zorder=0)
        axes.plot([gate, gate], [row - 0.35, row + 0.35], color=LIMIT, zorder=1)
    for row, (name, variant_row) in enumerate(report.variants.items()):
        parity, colour = variant_row.parity, _colour(name)
        # a log scale has no zero, so no difference is drawn at the edge
        mean = max(parity.mean_logit_difference, low)
        largest = max(parity.largest_logit_difference, low)
        axes.plot([mean, largest], [row, row], color=colour, lw=1.5, alpha=0.6)
        axes.plot(mean, row, "o", color=colour, ms=5, mfc="none", mew=1.2, clip_on=False)
        axes.plot(largest, row, "o", color=colour, ms=6.5, clip_on=False)
        write_number(axes, row, f"{parity.largest_logit_difference:.1e}")
    axes.plot([], [], "o", color=MUTED, ms=5, mfc="none", label="mean")
    axes.plot([], [], "o", color=MUTED, ms=6.5, label="largest")
    axes.plot([], [], "|", color=LIMIT, ms=9, mew=1.8, label="gate of the export")
    write_legend(figure, columns=3)
    windows = joined(str(row.parity.windows) for row in report.variants.values())
    return Plot(
        "differences",
        "How far the logits are from the reference",
        f"Start and end logits of {windows} windows of real text, of mixed length and "
        "right-padded, against the FP32 reference; padding is not compared. A variant beyond "
        "its red mark would have failed the export. Those without a mark quantize or round "
        "on purpose, and are judged by their answers.",
        figure,
    )


@mpl.rc_context(STYLE)
def sizes(report: Report) -> Plot:
    """Draw the size of each variant's files."""
    values = {name: row.size_bytes / 1e6 for name, row in report.variants.items()}
    figure, axes = _bars(values, "{:.1f}")
    axes.set_xlabel("MB of model files")
    caption = "The files that Triton loads for each variant, in megabytes of a million bytes."
    return Plot("sizes", "Size", caption, figure)


@mpl.rc_context(STYLE)
def speed_and_accuracy(report: Report, device: Device) -> Plot | None:
    """Draw speed against the difference in F1 to FP32; None where fewer than two have both."""
    both = {
        name: (speed, accuracy.f1_difference)
        for name, speed in _measured(report, device).items()
        if (accuracy := report.variants[name].accuracy)
    }
    if len(both) < 2:
        return None
    figure = new_figure(3.75)
    axes = figure.add_subplot()
    axes.axhline(0, color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
    for name, (speed, f1) in both.items():
        colour = _colour(name)
        axes.plot([speed.lowest, speed.highest], [f1, f1], color=colour, lw=1.5, alpha=0.5)
        axes.plot(speed.windows_per_second, f1, "o", color=colour, ms=7)
    axes.margins(x=0.14, y=0.3)  # room for names
    axes.set(xlabel="windows per second", ylabel="F1 to FP32, points", xlim=(0, None))
    points = {
        short_name(name): (speed.windows_per_second, f1) for name, (speed, f1) in both.items()
    }
    write_names(figure, axes, points, line=0)
    return Plot(
        f"speed-and-accuracy-{device}",
        f"Speed against accuracy on the {device}",
        f"{_how_measured(report, device)} Up is more accurate: F1 on {datasets(report)}, minus "
        "that of the FP32 graph, which is the dashed line. To the right is faster.",
        figure,
    )


@mpl.rc_context(STYLE)
def speeds(report: Report, device: Device) -> Plot | None:
    """Draw the speed of each variant; None where none was measured."""
    measured = _measured(report, device)
    if not measured:
        return None
    values = {name: speed.windows_per_second for name, speed in measured.items()}
    figure, axes = _bars(values, "{:.0f}")
    for row, speed in enumerate(measured.values()):
        axes.plot([speed.lowest, speed.highest], [row, row], color=INK, lw=1.2)
    axes.set_xlabel("windows per second")
    caption = _how_measured(report, device)
    return Plot(f"speed-{device}", f"Speed on the {device}", caption, figure)


@mpl.rc_context(STYLE)
def operators(report: Report) -> Plot | None:
    """Draw the nodes of each ONNX graph by kind; None where there is no such graph."""
    graphs = {name: row.operators for name, row in report.variants.items() if row.operators}
    if not graphs:
        return None
    figure, axes = _rows(graphs)
    for row, counts in enumerate(graphs.values()):
        attention, fused = count(counts, ATTENTION), count(counts, OTHERS)
        total = sum(counts.values())
        axes.barh(row, attention, BAR, color=SERIES[0])
        axes.barh(row, fused, BAR, attention, color=SERIES[2])
        axes.barh(row, total - attention - fused, BAR, attention + fused, color=LINE)
        write_number(axes, row, str(total))
    parts = {"attention, fused": SERIES[0], "other fused": SERIES[2], "rest": LINE}
    for label, colour in parts.items():
        axes.plot([], [], "s", color=colour, ms=7, label=label)
    write_legend(figure, columns=3)
    axes.set_xlabel("nodes of the ONNX graph")
    return Plot(
        "operators",
        "What the ONNX graphs are made of",
        "Nodes by operator. A fused node does the work of many: every attention layer must be "
        "one, or the export fails. The rest are matrix products, casts, and scaling to int8.",
        figure,
    )


def _measured(report: Report, device: Device) -> Mapping[str, Speed]:
    return report.cpu_speeds if device == "CPU" else report.gpu_speeds


def _how_measured(report: Report, device: Device) -> str:
    rounds = joined(str(speed.rounds) for speed in _measured(report, device).values())
    return (
        f"The model alone on {report.cpu if device == 'CPU' else report.gpu}: median windows per "
        f"second of {rounds} rounds, in which the variants take turns, with rows sorted by length "
        "and no padding computed. The line through a mark spans the slowest and the fastest round."
    )


def _rows(names: Iterable[str]) -> tuple[Figure, Axes]:
    return row_axes(dict(enumerate(map(short_name, names))))


def _bars(values: Mapping[str, float], number: str) -> tuple[Figure, Axes]:
    """Return axes with a bar per variant, and its figure formatted by ``number``."""
    figure, axes = _rows(values)
    axes.barh(range(len(values)), list(values.values()), BAR, color=list(map(_colour, values)))
    for row, value in enumerate(values.values()):
        write_number(axes, row, number.format(value))
    return figure, axes


def _colour(model_name: str) -> str:
    """Return the colour of a variant's format."""
    variant = variant_of(model_name)
    return _FORMATS[variant.format] if variant else MUTED


def _power(value: float) -> str:
    """Return a power of ten as text."""
    return "10" + f"{math.log10(value):.0f}".translate(_SUPERSCRIPTS)


def _span(report: Report, gates: Iterable[float]) -> tuple[float, float]:
    """Return limits of a log axis that has room for every difference and gate."""
    parities = [row.parity for row in report.variants.values()]
    values = [
        *gates,
        *(parity.mean_logit_difference for parity in parities),
        *(parity.largest_logit_difference for parity in parities),
    ]
    shown = [value for value in values if value > 0] or [1.0]
    return min(shown) / 3, max(shown) * 3
