"""``python -m loadtest.documents [RESULT ...]``: write ``docs/results.schema.json``.

The figures of the result files, if any are named, go into README.md, between its markers.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtest.report.figures import level_of, three_figures
from loadtest.report.series import batch_series, level_series
from loadtest.result import SCHEMA, Result, read_result
from loadtest.samples import summarize
from pages.markdown import with_part

README = Path("README.md")
SCHEMA_FILE = Path("docs") / "results.schema.json"


def schema_document() -> str:
    """Return docs/results.schema.json: the JSON schema of a result file."""
    return json.dumps(SCHEMA.json_schema(), indent=2) + "\n"


def figures_table(results: Sequence[Result]) -> str:
    """Return the throughput, p50 and p99 of every row as a table in Markdown."""
    lines = ["| | load | per second | p50 ms | p99 ms |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *_batches(results), *_loads(results)])


def with_figures(text: str, results: Sequence[Result]) -> str:
    """Return ``text`` with the figures of ``results`` between its markers.

    Raises ValueError when it has no markers.
    """
    return with_part(text, "benchmarks", figures_table(results))


def _batches(results: Sequence[Result]) -> Iterator[str]:
    for series in batch_series(results):
        for row in series.rows:
            load = level_of("batch", row.batch)
            yield _row(series.label, load, "windows", row.throughput, row.samples)


def _loads(results: Sequence[Result]) -> Iterator[str]:
    for series in level_series(results):
        for level in (level for level in series.rows if level.latencies):
            load = level_of(series.kind, level.level)
            yield _row(series.label, load, "answers", level.throughput, level.latencies)


def _row(label: str, load: str, unit: str, throughput: float, samples: Sequence[float]) -> str:
    latency = summarize(samples)
    p50, p99 = three_figures(latency.p50), three_figures(latency.p99)
    return f"| {label} | {load} | {throughput:,.1f} {unit} | {p50} | {p99} |"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_document(), encoding="utf-8")
    if results := [read_result(Path(name)) for name in sys.argv[1:]]:
        text = README.read_text(encoding="utf-8")
        README.write_text(with_figures(text, results), encoding="utf-8")
