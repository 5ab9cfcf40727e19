"""The tables of batch latency in a report, on its own and beside NVIDIA's figures."""

from collections.abc import Sequence

from loadtest.published import Published, PublishedTable
from loadtest.report.figures import accuracies, percentiles, three_figures
from loadtest.report.series import Series
from loadtest.result import BatchRow
from loadtest.samples import NvidiaReading, nvidia_reading, summarize
from pages.table import Cell, Table


def batch_table(series: Sequence[Series[BatchRow]]) -> Table:
    """Return the batch latency table, with NVIDIA's reading of the same batches beside ours."""
    return Table(
        "Batch latency",
        "Windows per second, and ms per batch: the mean and true percentiles by nearest rank, then "
        "the same batches by NVIDIA's reading, which drops the two slowest, and whose 90 % is "
        "the mean of the fastest 90 %. TFLOP/s count real tokens only; the peak is that of a "
        "matrix multiplication in the same run.",
        tuple(_batch(each, row) for each in series for row in each.rows),
    )


def _batch(series: Series[BatchRow], row: BatchRow) -> dict[str, Cell]:
    latency = summarize(row.samples)
    reading = nvidia_reading(row.samples)
    return {
        "variant": Cell(series.label, "" if row.settled else "had not settled"),
        "batch": Cell(str(row.batch), "" if row.input in series.label else row.input),
        "batches": Cell(f"{latency.count:,}", f"{len(row.rounds)} rounds"),
        "windows /s": Cell(f"{row.throughput:,.1f}"),
        **percentiles(latency),
        **_nvidia(reading),
        **accuracies(row.accuracy),
        "TFLOP/s": Cell(f"{row.tflops:#.3g}"),
        "of peak": _share(row.tflops, row.peak.measured if row.peak else None),
        "of datasheet": _share(row.tflops, row.peak.datasheet if row.peak else None),
    }


def _nvidia(reading: NvidiaReading | None) -> dict[str, Cell]:
    shares = ("fastest_90", "fastest_95", "fastest_99")
    return {
        share.replace("fastest_", "NVIDIA's ") + " %": Cell(
            three_figures(getattr(reading, share)) if reading else ""
        )
        for share in shares
    }


def _share(part: float, whole: float | None) -> Cell:
    return Cell(f"{part / whole:.0%}" if whole else "")


def published_table(series: Sequence[Series[BatchRow]], published: Published) -> Table:
    """Return our figures beside those that NVIDIA published, at the same sequence length."""
    shown = [
        (each, row)
        for each in series
        for row in each.rows
        if row.sequence_length == published.sequence_length
    ]
    return Table(
        "Beside NVIDIA's figures",
        f"Windows per second at {published.sequence_length} tokens. NVIDIA measured "
        f"{published.model} on {published.dataset}, in {published.container} "
        f"({published.source}). Below each figure are the ratio of measured to published, the "
        "ratio of the means by NVIDIA's reading, and whether the devices differ. Where they do, "
        "the ratio compares hardware.",
        tuple(_beside(each, row, published) for each, row in shown),
    )


def _beside(series: Series[BatchRow], row: BatchRow, published: Published) -> dict[str, Cell]:
    device = series.result.environment.device.name
    return {
        "variant": Cell(series.label, f"{device}, {series.result.checkpoint}"),
        "batch": Cell(str(row.batch), row.input),
        "measured": Cell(f"{row.throughput:,.1f}"),
        **{
            f"{table.device}, {table.precision.upper()}": _published(row, table, device)
            for table in published.tables
        },
    }


def _published(row: BatchRow, table: PublishedTable, device: str) -> Cell:
    known = table.row(row.batch)
    if known is None:
        never = row.batch in table.never_published
        return Cell("", "never published" if never else "not published")
    model = table.device.split()[1]  # "1x A100 40GB"
    same = model in device.replace("-", " ").split()
    differ = "same model of device" if same else "devices differ"
    ratios = f"{row.throughput / known.throughput:.3g} times"
    if reading := nvidia_reading(row.samples):
        mean = known.reading.mean
        ratios += f"; mean {three_figures(mean)} ms, {reading.mean / mean:.3g} times"
    return Cell(f"{known.throughput:,.0f}", f"{ratios}; {differ}")
