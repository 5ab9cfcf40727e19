"""The plots of questions under load: latency against throughput, stages, contexts, padding."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from loadtest.report.common_plots import (
    Panel,
    level_axis,
    log_axis,
    percentile_plot,
    stacked_shares,
)
from loadtest.report.figures import level_of
from loadtest.report.series import Level, Series
from loadtest.result import Slo
from loadtest.samples import summarize
from pages.drawing import LIMIT, STYLE, Plot, new_figure, write_legend

_STAGES = ("tokenize", "queue", "infer", "decode")
_OUTSIDE = ("rest of the gateway", "client and network")
_FEWEST_IN_BIN = 20


def level_plots(series: Sequence[Series[Level]], slos: Sequence[Slo]) -> Iterator[Plot]:
    """Yield every plot for which ``series`` hold data."""
    series = list(_answered(series))
    if not series:
        return
    yield _latency_throughput(series, slos)
    yield percentile_plot("percentiles-under-load", "Percentiles under load", _panels(series))
    if any(level.stages for each in series for level in each.rows):
        yield _stages(series)
    if any(_bins(each.rows[0]) for each in series):
        yield _contexts(series)
    if any(level.padding_ratio is not None for each in series for level in each.rows):
        yield _padding(series)


def _answered(series: Sequence[Series[Level]]) -> Iterator[Series[Level]]:
    """Yield the series without the levels that have no latency, as no answer was right."""
    for each in series:
        if rows := tuple(level for level in each.rows if level.latencies):
            yield replace(each, rows=rows)


@mpl.rc_context(STYLE)
def _latency_throughput(series: Sequence[Series[Level]], slos: Sequence[Slo]) -> Plot:
    figure = new_figure(3.7)
    axes = figure.add_subplot()
    values = [slo.p99_ms for slo in slos]
    for each in series:
        rates = [level.throughput for level in each.rows]
        p50, p99 = ([getattr(level.latency, p) for level in each.rows] for p in ("p50", "p99"))
        axes.plot(rates, p99, label=each.label, **each.look)
        axes.plot(rates, p50, color=each.colour, ls=each.dashes, lw=1, alpha=0.55)
        values += p50 + p99
    for limit in {slo.p99_ms for slo in slos}:
        axes.axhline(limit, color=LIMIT, lw=1.2, ls=(0, (4, 3)), label=f"limit, {limit:g} ms")
    log_axis(axes, values)
    axes.set_ylim(top=axes.get_ylim()[1] * 1.2)  # room for the labels above the marks
    axes.margins(x=0.12)
    axes.set_xlim(left=-0.07 * axes.get_xlim()[1])  # and to the left of them
    axes.set(xlabel="right answers per second", ylabel="ms (thin: median), log scale")
    write_legend(figure)
    _write_levels(figure, axes, series)
    return Plot(
        "latency-throughput",
        "Latency against throughput",
        "Each mark is the 99th percentile at a level of load that was held until steady; the thin "
        "line is the median. Filled marks are users who wait for their answers (closed loop). "
        "Hollow marks are arrivals at a rate, timed from when each was due (open loop).",
        figure,
    )


def _write_levels(figure: Figure, axes: Axes, series: Sequence[Series[Level]]) -> None:
    """Label the highest and the lowest level of each line, where there is room."""
    figure.draw_without_rendering()  # so that texts can be measured
    taken: list[Bbox] = []
    for place, side in ((-1, "above"), (0, "below")):
        for each in series:
            level = each.rows[place]
            text = axes.annotate(
                level_of(each.kind, level.level),
                (level.throughput, level.latency.p99),
                (0, 7 if side == "above" else -7),
                textcoords="offset points",
                ha="center",
                va="bottom" if side == "above" else "top",
                color=each.colour,
                fontsize=8.5,
                in_layout=False,
            )
            box = text.get_window_extent()
            if any(box.overlaps(other) for other in taken):
                text.remove()
            else:
                taken.append(box)


def _panels(series: Sequence[Series[Level]]) -> dict[str, Panel]:
    panels: dict[str, Panel] = {}
    for kind in ("closed", "open"):
        levels = {level.level for each in series if each.kind == kind for level in each.rows}
        for number in sorted(levels):
            panels[level_of(kind, number)] = [
                (each, level.latencies)
                for each in series
                if each.kind == kind
                for level in each.rows
                if level.level == number
            ]
    return panels


@mpl.rc_context(STYLE)
def _stages(series: Sequence[Series[Level]]) -> Plot:
    groups = {
        each.label: {
            level_of(each.kind, level.level): _parts(level) for level in each.rows if level.stages
        }
        for each in series
    }
    shown = {label: rows for label, rows in groups.items() if rows}
    figure = stacked_shares(shown, (*_STAGES, *_OUTSIDE))
    return Plot(
        "stages",
        "Where an answer's time goes",
        "Shares of the mean latency by the reply's own server-timing; the whole latency is on the "
        "right. The rest of the gateway is its time outside these stages; client and network are "
        "the time outside the gateway.",
        figure,
    )


def _parts(level: Level) -> tuple[float, ...]:
    """Return the mean ms of each stage, of the rest of the gateway, and outside the gateway."""
    stages = [level.stages.get(stage, 0.0) for stage in _STAGES]
    total = level.stages.get("total", sum(stages))
    mean = level.latency.mean
    return (*stages, max(0.0, total - sum(stages)), max(0.0, mean - total))


@mpl.rc_context(STYLE)
def _contexts(series: Sequence[Series[Level]]) -> Plot:
    figure = new_figure()
    axes = figure.add_subplot()
    values: list[float] = []
    for each in series:
        bins = _bins(each.rows[0])
        if not bins:
            continue
        lengths, p50, p95 = zip(*bins, strict=True)
        label = f"{each.label}, {level_of(each.kind, each.rows[0].level)}"
        axes.plot(lengths, p50, label=label, **each.look)
        axes.fill_between(lengths, p50, p95, color=each.colour, alpha=0.18, lw=0)
        values += p50 + p95
    log_axis(axes, values)
    axes.set(xlabel="characters of the context", ylabel="ms, log scale", xlim=(0, None))
    write_legend(figure)
    return Plot(
        "latency-over-context",
        "Latency over the length of the context",
        "The lowest level of each line: its questions in up to ten groups by length. Marks are the "
        "medians; the shade reaches up to the 95th percentile.",
        figure,
    )


def _bins(level: Level) -> list[tuple[float, float, float]]:
    """Return median length, p50 and p95 (ms) of groups of equal size; [] for too few samples."""
    lengths = np.array([each for row in level.rows for each in row.context_characters])
    latencies = np.array(level.latencies)
    count = min(10, len(latencies) // _FEWEST_IN_BIN)
    if count < 2 or len(lengths) != len(latencies):
        return []
    groups = np.array_split(np.argsort(lengths, kind="stable"), count)
    found = [
        (float(np.median(lengths[group])), summarize(latencies[group].tolist())) for group in groups
    ]
    return [(length, latency.p50, latency.p95) for length, latency in found]


@mpl.rc_context(STYLE)
def _padding(series: Sequence[Series[Level]]) -> Plot:
    figure = new_figure(3.9)
    ratios, batches = figure.subplots(2, 1, sharex=True)
    levels: list[float] = []
    for each in series:
        padded = [(level.level, level.padding_ratio) for level in each.rows]
        if known := [(level, 100 * ratio) for level, ratio in padded if ratio is not None]:
            ratios.plot(*zip(*known, strict=True), label=each.label, **each.look)
        batched = [(level.level, level.mean_batch) for level in each.rows]
        if sizes := [(level, size) for level, size in batched if size is not None]:
            batches.plot(*zip(*sizes, strict=True), **each.look)
        levels += [level for level, _ in padded]
    level_axis(batches, levels)
    ratios.set(ylabel="padding, %", ylim=(0, 100))
    batches.set(ylabel="windows\nper execution", ylim=(0, None))
    batches.set_xlabel("users, or arrivals per second")
    write_legend(figure)
    return Plot(
        "padding",
        "Padding and batches",
        "Padding as a share of all tokens that the gateway sends (a backend that drops it does "
        "not compute it), and how many windows Triton put into one execution.",
        figure,
    )
