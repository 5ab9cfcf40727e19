"""The tables of questions under load, baselines and LoadGen in a report."""

from collections.abc import Iterator, Sequence

from loadtest.report.comparison import Ratio
from loadtest.report.figures import accuracies, percentiles, three_figures
from loadtest.report.series import Level, Series
from loadtest.report.sides import matched, side_of
from loadtest.result import LoadGenRow, Result
from loadtest.samples import summarize
from pages.table import Cell, Table


def level_table(series: Sequence[Series[Level]]) -> Table:
    """Return the levels of load, with failures beside latency."""
    return Table(
        "Questions under load",
        "Right answers per second, and ms per right answer, which count from when a question was "
        "due in an open loop. Latencies leave out failures and wrong answers. Sent late is how "
        "late the client itself was, at the 99th percentile.",
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
        **percentiles(latency),
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
    """Return the first system of each run beside each other one, as ratios over their rounds."""
    return Table(
        "Systems side by side",
        "Systems that took turns in a run. A ratio is that of the first system to the other, with "
        "its 95 % confidence interval; where the interval contains 1, the difference is inside "
        "the noise.",
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
    """Return EM and F1 of each system, and their source."""
    return Table(
        "Accuracy of what was measured",
        "SQuAD's exact match and F1, in percent.",
        tuple(
            {
                "system": Cell(system, result.name),
                **accuracies(accuracy),
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
        "Its verdict beside ours, which is from our own samples (ms) of the same windows. The "
        "scenarios and rules are MLPerf's; this is no submission.",
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
        **percentiles(latency),
    }


def _verdict(valid: bool) -> str:
    return "valid" if valid else "invalid"
