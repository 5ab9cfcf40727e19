"""The tables of batch latency, for a terminal of 120 columns."""

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table

from embedded.packages import ONNXRUNTIME, TENSORFLOW
from loadtest.batches.ceiling import precision_of
from loadtest.batches.flop import ModelShape
from loadtest.published import Published, PublishedTable
from loadtest.result import Accuracy, BatchRow, Result
from loadtest.samples import NvidiaReading, nvidia_reading, summarize

STACK = ("triton", *ONNXRUNTIME, "openvino", *TENSORFLOW)
BESIDE = {"tf32": "tf32", "fp32": "tf32"}  # NVIDIA's precision for ours; fp16 for all others


def batch_tables(result: Result, published: Published, shape: ModelShape) -> Iterator[Table | str]:
    """Yield the tables of a batch latency run, and a note on the comparison."""
    rows = result.batches
    yield latency_table(rows)
    yield nvidia_table(rows)
    yield work_table(rows)
    yield published_table(rows, published)
    yield difference(result, published, shape)


def latency_table(rows: Sequence[BatchRow]) -> Table:
    """Return throughput, mean and true percentiles."""
    first = rows[0]  # what all rows of a run have in common
    what = f"{first.input} windows of {first.sequence_length}, clients: {first.clients}"
    title = f"Batch latency, closed loop, {what}; true percentiles, ms"
    table = _table(title, "variant")
    for name in ("batch", "batches", "windows/s", "mean", "p50", "p90", "p95", "p99", "max"):
        table.add_column(name, justify="right")
    for row in rows:
        latency = summarize(row.samples)
        values = (latency.mean, latency.p50, latency.p90, latency.p95, latency.p99, latency.max)
        table.add_row(
            *(row.variant, str(row.batch)),
            f"{latency.count}{'' if row.settled else ' *'}",
            f"{row.throughput:.1f}",
            *map(_ms, values),
        )
    if not all(row.settled for row in rows):
        table.caption = "* latency had not settled when the warm-up ended"
    return table


def nvidia_table(rows: Sequence[BatchRow]) -> Table:
    """Return NVIDIA's reading of the same samples, and how Triton splits the time."""
    table = _table(
        "The same samples as NVIDIA's script reads them, and Triton's own split; mean ms", "variant"
    )
    for name in (
        *("batch", "mean", '"90 %"', '"95 %"', '"99 %"'),
        *("queue", "input", "infer", "output"),
    ):
        table.add_column(name, justify="right")
    for row in rows:
        split = vars(row.split).values() if row.split else (None,) * 4
        reading = _reading(nvidia_reading(row.samples))
        table.add_row(row.variant, str(row.batch), *map(_ms, (*reading, *split)))
    table.caption = '"90 %": mean of the fastest 90 %, the two slowest dropped; no percentile'
    return table


def work_table(rows: Sequence[BatchRow]) -> Table:
    """Return the work of real tokens, its share of the device's peak, and the accuracy."""
    table = _table("Work on real tokens, and accuracy", "variant")
    for name in (
        *("batch", "tokens/window", "TFLOP/s", "measured peak", "share", "datasheet", "share"),
        *("EM", "F1"),
    ):
        table.add_column(name, justify="right")
    for row in rows:
        peaks = (row.peak.measured, row.peak.datasheet) if row.peak else (None, None)
        table.add_row(
            *(row.variant, str(row.batch)),
            f"{row.real_tokens / (len(row.samples) * row.batch):.0f}",
            _digits(row.tflops),
            *(text for peak in peaks for text in (_digits(peak), _share(row.tflops, peak))),
            *_scores(row.accuracy),
        )
    sources = {
        f"{row.accuracy.source}, {row.accuracy.questions} questions" for row in rows if row.accuracy
    }
    notes = ["EM and F1: " + each for each in sorted(sources)]
    devices = {row.variant: row.device for row in rows if row.device}
    if len(set(devices.values())) > 1:
        notes += [f"{variant} was computed by {device}" for variant, device in devices.items()]
    table.caption = "; ".join(notes)
    return table


def published_table(rows: Iterable[BatchRow], published: Published) -> Table:
    """Return our figures beside those that NVIDIA published for the batch and precision."""
    table = _table("Beside NVIDIA's published figures: measured / published = ratio", "variant")
    for name in ("batch", "published for"):
        table.add_column(name)
    for name in ("windows/s", "mean ms", '"99 %" ms'):
        table.add_column(name, justify="right")
    for row in rows:
        precision = BESIDE.get(precision_of(row.variant), "fp16")
        for each in published.tables:
            if each.precision == precision and row.sequence_length == published.sequence_length:
                table.add_row(row.variant, str(row.batch), *_beside(row, each))
    return table


def _beside(row: BatchRow, table: PublishedTable) -> Iterator[str]:
    yield f"{table.device}, {table.precision.upper()}"
    theirs = table.row(row.batch)
    if theirs is None:
        unpublished = row.batch in table.never_published
        yield from ("never published" if unpublished else "no such batch", "", "")
        return
    reading = nvidia_reading(row.samples)
    yield _ratio(row.throughput, theirs.throughput)
    yield _ratio(reading.mean if reading else None, theirs.reading.mean)
    yield _ratio(reading.fastest_99 if reading else None, theirs.reading.fastest_99)


def difference(result: Result, published: Published, shape: ModelShape) -> str:
    """Return the line that says what differs between the two sides of the ratios."""
    device, versions = result.environment.device, result.environment.versions
    cores = f", {device.count} cores" if device.kind == "cpu" else ""
    stack = ", ".join(f"{name} {versions[name]}" for name in STACK if name in versions)
    theirs = " or ".join(dict.fromkeys(table.device for table in published.tables))
    return (
        "Hardware, model and stack differ, so the ratios do not isolate the software: "
        f"device: {device.name}{cores}, there {theirs}; "
        f"model: {result.checkpoint}, {shape.layers} layers of {shape.hidden}, there "
        f"{published.model}, {published.layers} of {published.hidden}; "
        f"stack: {stack}, there {published.container}, without a server, padding computed too "
        f"({published.source})."
    )


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", caption_justify="left")


def _reading(reading: NvidiaReading | None) -> Iterable[float | None]:
    return vars(reading).values() if reading else (None,) * 4


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 100 else f"{value:.1f}" if value < 10_000 else f"{value:.0f}"


def _digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _share(part: float, whole: float | None) -> str:
    return "-" if whole is None else f"{part / whole:.0%}"


def _scores(accuracy: Accuracy | None) -> tuple[str, str]:
    if accuracy is None:
        return "-", "-"
    return f"{accuracy.exact_match:.2f}", f"{accuracy.f1:.2f}"


def _ratio(ours: float | None, theirs: float) -> str:
    return "-" if ours is None else f"{ours:.4g} / {theirs:g} = {ours / theirs:.3g}"
