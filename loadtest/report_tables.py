"""The tables of a report: the figures under its plots."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from loadtest.comparison import Ratio
from loadtest.published import Published, PublishedTable
from loadtest.result import Accuracy, BatchRow, LoadGenRow, Result
from loadtest.samples import Latency, NvidiaReading, nvidia_reading, summarize
from loadtest.series import Level, Series
from loadtest.sides import matched, side_of
from loadtest.wording import three_figures


class Cell(NamedTuple):
    """One figure; "" where there is none."""

    text: str
    note: str = ""  # a line below it


@dataclass(frozen=True)
class Table:
    """Figures by row and column head; the first column names the row."""

    title: str
    legend: str
    rows: tuple[Mapping[str, Cell], ...]

    @property
    def heads(self) -> tuple[str, ...]:
        """The columns in which any row has something."""
        heads = dict.fromkeys(head for row in self.rows for head in row)
        return tuple(head for head in heads if any(any(row[head]) for row in self.rows))


def batch_table(series: Sequence[Series[BatchRow]]) -> Table:
    """Return the batch latency table, with NVIDIA's reading of the same batches beside ours."""
    return Table(
        "Batch latency",
        "Windows per second, and ms per batch: the mean and true percentiles by nearest rank, then "
        "the same batches by NVIDIA's reading, in which the two slowest are dropped and 90 % is "
        "the mean of the fastest 90 %. TFLOP/s count real tokens only; the peak is that of a "
        "matrix multiplication in the same run. A line below a figure says what else belongs to "
        "it.",
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
        **_percentiles(latency),
        **_nvidia(reading),
        **_accuracy(row.accuracy),
        "TFLOP/s": Cell(f"{row.tflops:#.3g}"),
        "of peak": _peak(row),
    }


def _percentiles(latency: Latency | None) -> dict[str, Cell]:
    heads = ("mean", "p50", "p90", "p95", "p99", "max")
    return {head: Cell(three_figures(getattr(latency, head)) if latency else "") for head in heads}


def _nvidia(reading: NvidiaReading | None) -> dict[str, Cell]:
    shares = ("fastest_90", "fastest_95", "fastest_99")
    return {
        share.replace("fastest_", "NVIDIA's ") + " %": Cell(
            three_figures(getattr(reading, share)) if reading else ""
        )
        for share in shares
    }


def _accuracy(accuracy: Accuracy | None) -> dict[str, Cell]:
    return {
        "EM": Cell(f"{accuracy.exact_match:.2f}" if accuracy else ""),
        "F1": Cell(f"{accuracy.f1:.2f}" if accuracy else ""),
    }


def _peak(row: BatchRow) -> Cell:
    if row.peak is None:
        return Cell("")
    measured = f"{row.tflops / row.peak.measured:.0%}" if row.peak.measured else ""
    sheet = row.peak.datasheet
    return Cell(measured, f"{row.tflops / sheet:.0%} of the datasheet's" if sheet else "")


def published_table(series: Sequence[Series[BatchRow]], published: Published) -> Table:
    """Return what was measured beside what NVIDIA published, at the same sequence length."""
    shown = [
        (each, row)
        for each in series
        for row in each.rows
        if row.sequence_length == published.sequence_length
    ]
    return Table(
        "Beside NVIDIA's figures",
        f"Windows per second at {published.sequence_length} tokens. NVIDIA's are of "
        f"{published.model} on {published.dataset}, in {published.container} "
        f"({published.source}); below each is the ratio of measured to published, and whether the "
        "devices differ. Where they do, the ratio compares hardware.",
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
    return Cell(
        f"{known.throughput:,.0f}", f"{row.throughput / known.throughput:.3g} times, {differ}"
    )


def load_table(series: Sequence[Series[Level]]) -> Table:
    """Return the levels of load, with failures apart from latency."""
    return Table(
        "Questions under load",
        "Right answers per second, and ms per right answer; in the open loop from when it was to "
        "be sent. Failures and wrong answers are not in the latencies. Sent late is how late the "
        "client itself was, at the 99th percentile.",
        tuple(_load(each, level) for each in series for level in each.rows),
    )


def _load(series: Series[Level], level: Level) -> dict[str, Cell]:
    rows, latency = level.rows, level.latency if level.latencies else None
    failures, wrong = level.failures, sum(row.wrong for row in rows)
    unit = "users" if series.kind == "closed" else "arrivals /s"
    return {
        "system": Cell(series.label, "" if all(row.settled for row in rows) else "had not settled"),
        "level": Cell(f"{level.level:g}", unit),
        "answers": Cell(
            f"{len(level.latencies):,}", f"{len(rows)} rounds" if len(rows) > 1 else ""
        ),
        "answers /s": Cell(f"{level.throughput:,.1f}"),
        **_percentiles(latency),
        "failures": Cell(
            f"{sum(failures.values()):,}",
            ", ".join(f"{number} {kind}" for kind, number in failures.items() if number),
        ),
        "wrong": Cell(f"{wrong:,}"),
        "sent late": Cell(three_figures(max(row.send_delay for row in rows))),
        "batch": Cell("" if level.mean_batch is None else f"{level.mean_batch:.1f}"),
        "padding": Cell("" if level.padding_ratio is None else f"{level.padding_ratio:.0%}"),
    }


def slo_table(results: Sequence[Result]) -> Table:
    """Return the highest rates whose 99th percentile held."""
    return Table(
        "The highest rate whose 99th percentile holds",
        "Arrivals per second of an open loop, found by bisection and confirmed. Goodput counts "
        "right answers within the limit; the offline rate is that of the saturated closed loop.",
        tuple(
            {
                "run": Cell(result.name, result.environment.device.name),
                "p99 limit, ms": Cell(f"{slo.p99_ms:g}"),
                "rate /s": Cell(f"{slo.rate:.1f}"),
                "goodput /s": Cell(f"{slo.goodput:.1f}"),
                "offline /s": Cell(f"{slo.offline_rate:.1f}"),
                "goodput / offline": Cell(
                    f"{slo.goodput / slo.offline_rate:.0%}" if slo.offline_rate else ""
                ),
            }
            for result in results
            if (slo := result.slo)
        ),
    )


def versus_table(results: Sequence[Result]) -> Table:
    """Return the first system of each run beside its others, with the ratios of their rounds."""
    return Table(
        "Systems side by side",
        "Of runs that took turns. A ratio is that of the first system to the other, with the "
        "interval that holds the true one with 95 % confidence; where it has 1 in it, the "
        "difference is inside the noise.",
        tuple(row for result in results for row in _versus(result)),
    )


def _versus(result: Result) -> Iterator[dict[str, Cell]]:
    first, *others = dict.fromkeys(row.system for row in result.loads) or [""]
    for other in others:
        compared = matched(side_of([(result, first)]), side_of([(result, other)]))
        for condition, each in compared.items():
            yield {
                "systems": Cell(first, f"against {other}"),
                "level": Cell(condition),
                "answers /s": _ratio(each.throughput),
                "p50": _ratio(each.p50),
                "p99": _ratio(each.p99) if each.p99 else Cell("", "too few samples"),
                "EM": _both(result, first, other, "exact_match"),
                "F1": _both(result, first, other, "f1"),
            }


def _ratio(ratio: Ratio) -> Cell:
    interval = "{:.2f} to {:.2f}".format(*ratio.interval) if ratio.interval else ""
    noise = ratio.verdict if "noise" in ratio.verdict else ""
    return Cell(f"{ratio.value:.2f} times", ", ".join(filter(None, (interval, noise))))


def _both(result: Result, first: str, other: str, figure: str) -> Cell:
    ours, theirs = result.accuracies.get(first), result.accuracies.get(other)
    return Cell(
        f"{getattr(ours, figure):.2f}" if ours else "",
        f"against {getattr(theirs, figure):.2f}" if theirs else "",
    )


def accuracy_table(results: Sequence[Result]) -> Table:
    """Return EM and F1 of every system, and where they come from."""
    return Table(
        "Accuracy of what was measured",
        "SQuAD's exact match and F1, in percent.",
        tuple(
            {
                "system": Cell(system, result.name),
                **_accuracy(accuracy),
                "questions": Cell(f"{accuracy.questions:,}"),
                "from": Cell(accuracy.source),
            }
            for result in results
            for system, accuracy in result.accuracies.items()
        ),
    )


def loadgen_table(results: Sequence[Result]) -> Table:
    """Return LoadGen's verdicts beside ours."""
    return Table(
        "MLPerf's LoadGen",
        "Its own verdict beside ours, by our own samples of the same windows, in ms. The scenarios "
        "and rules are MLPerf's; this is no submission.",
        tuple(_loadgen(row) for result in results for row in result.loadgen),
    )


def _loadgen(row: LoadGenRow) -> dict[str, Cell]:
    latency = summarize(row.latencies) if row.latencies else None
    unit = {"Server": "queries /s", "Offline": "samples /s", "SingleStream": ""}
    return {
        "scenario": Cell(row.scenario, row.variant),
        "LoadGen": Cell(_verdict(row.valid)),
        "ours": Cell(_verdict(row.ours)),
        "target": Cell(f"{row.target:g}", unit[row.scenario]) if row.target else Cell(""),
        "windows": Cell(f"{len(row.latencies):,}"),
        "windows /s": Cell(f"{len(row.latencies) / row.seconds:.1f}"),
        **_percentiles(latency),
    }


def tables(
    results: Sequence[Result],
    batches: Sequence[Series[BatchRow]],
    loads: Sequence[Series[Level]],
    published: Published,
) -> list[Table]:
    """Return every table that has a row."""
    made: Iterable[Table] = (
        batch_table(batches),
        published_table(batches, published),
        load_table(loads),
        slo_table(results),
        versus_table(results),
        accuracy_table(results),
        loadgen_table(results),
    )
    return [table for table in made if table.rows]


def _verdict(valid: bool) -> str:
    return "valid" if valid else "invalid"
