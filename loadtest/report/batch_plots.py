"""The plots of batch latency: latency, throughput, percentiles and Triton's split by batch size."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple

import matplotlib as mpl

from loadtest.published import Published
from loadtest.report.common_plots import (
    level_axis,
    log_axis,
    percentile_plot,
    stacked_shares,
)
from loadtest.report.series import Series
from loadtest.result import BatchRow
from loadtest.samples import summarize
from pages.drawing import MUTED, STYLE, Plot, new_figure, write_legend

_SPLIT = ("Triton's queue", "compute input", "compute infer", "compute output")
_PUBLISHED_MARKERS = "x+*234"


def batch_plots(series: Sequence[Series[BatchRow]], published: Published) -> Iterator[Plot]:
    """Yield every plot for which ``series`` hold data."""
    if not series:
        return
    yield _latency(series)
    yield _throughput(series, published)
    panels = {
        f"batch {batch}": [
            (each, row.samples) for each in series for row in each.rows if row.batch == batch
        ]
        for batch in sorted({row.batch for each in series for row in each.rows})
    }
    yield percentile_plot("percentiles-by-batch", "Percentiles of batch latency", panels)
    if any(row.split for each in series for row in each.rows):
        yield _split(series)


@mpl.rc_context(STYLE)
def _latency(series: Sequence[Series[BatchRow]]) -> Plot:
    figure = new_figure()
    axes = figure.add_subplot()
    values = []
    for each in series:
        batches = [row.batch for row in each.rows]
        latencies = [summarize(row.samples) for row in each.rows]
        p50, p99 = [one.p50 for one in latencies], [one.p99 for one in latencies]
        axes.plot(batches, p50, label=each.label, **each.look)
        axes.fill_between(batches, p50, p99, color=each.colour, alpha=0.18, lw=0)
        axes.vlines(batches, p50, p99, color=each.colour, lw=1.2, alpha=0.6)
        axes.plot(batches, p99, "_", color=each.colour, ms=8, mew=1.4)
        values += p50 + p99
    log_axis(axes, values)
    level_axis(axes, _batches(series))
    axes.set(xlabel="windows in a batch", ylabel="ms per batch, log scale")
    write_legend(figure)
    return Plot(
        "latency-over-batch",
        "Latency over batch size",
        "Lines are the median of the batches; shades and bars reach up to the 99th percentile.",
        figure,
    )


@mpl.rc_context(STYLE)
def _throughput(series: Sequence[Series[BatchRow]], published: Published) -> Plot:
    figure = new_figure()
    axes = figure.add_subplot()
    values, batches = [], _batches(series)
    for each in series:
        throughputs = [row.throughput for row in each.rows]
        places = [row.batch for row in each.rows]
        axes.plot(places, throughputs, label=each.label, **each.look)
        values += throughputs
    for table, marker in zip(published.tables, _PUBLISHED_MARKERS, strict=False):
        places = [row.batch for row in table.rows]
        rates = [row.throughput for row in table.rows]
        label = f"{table.device}, {table.precision.upper()}, published"
        axes.plot(places, rates, marker, color=MUTED, ms=7, mew=1.5, label=label)
        values += rates
        batches += places
    log_axis(axes, values)
    level_axis(axes, batches)
    axes.set(xlabel="windows in a batch", ylabel="windows per second, log scale")
    write_legend(figure)
    return Plot(
        "throughput-over-batch",
        "Throughput over batch size",
        f"Lines were measured here. Grey marks are NVIDIA's figures for {published.model} at "
        f"{published.sequence_length} tokens in {published.container}, on the devices that they "
        "name: other hardware, and maybe another model.",
        figure,
    )


@mpl.rc_context(STYLE)
def _split(series: Sequence[Series[BatchRow]]) -> Plot:
    groups = {
        each.label: {
            f"batch {row.batch}": astuple(row.split)
            for row in each.rows
            if row.split and sum(astuple(row.split)) > 0
        }
        for each in series
    }
    figure = stacked_shares({label: rows for label, rows in groups.items() if rows}, _SPLIT)
    return Plot(
        "triton-split",
        "Where a batch's time goes in Triton",
        "Shares of the mean time of a request in Triton, by its own statistics; the whole time is "
        "on the right.",
        figure,
    )


def _batches(series: Sequence[Series[BatchRow]]) -> list[float]:
    return [row.batch for each in series for row in each.rows]
