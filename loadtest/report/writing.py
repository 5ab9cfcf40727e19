"""A report: what result files hold, as a folder with a page and the picture of each plot."""

from collections.abc import Sequence
from pathlib import Path

from loadtest.published import read_published
from loadtest.report.batch_plots import batch_plots
from loadtest.report.batch_tables import batch_table, published_table
from loadtest.report.cells import Table
from loadtest.report.drawing import Plot, png
from loadtest.report.load_plots import load_plots
from loadtest.report.load_tables import (
    accuracy_table,
    load_table,
    loadgen_table,
    slo_table,
    versus_table,
)
from loadtest.report.page import page
from loadtest.report.series import batch_series, load_series
from loadtest.result import Result


def plots_of(results: Sequence[Result]) -> list[Plot]:
    """Return the plots for which the results hold data."""
    slos = [result.slo for result in results if result.slo]
    return [
        *batch_plots(batch_series(results), read_published()),
        *load_plots(load_series(results), slos),
    ]


def tables_of(results: Sequence[Result]) -> list[Table]:
    """Return every table that has a row."""
    batches, loads, published = batch_series(results), load_series(results), read_published()
    made = (
        batch_table(batches),
        published_table(batches, published),
        load_table(loads),
        slo_table(results),
        versus_table(results),
        accuracy_table(results),
        loadgen_table(results),
    )
    return [table for table in made if table.rows]


def write_report(results: Sequence[Result], folder: Path) -> Path:
    """Write ``index.html`` and a PNG of every plot to ``folder``, and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = plots_of(results)
    for plot in plots:
        (folder / f"{plot.name}.png").write_bytes(png(plot))
    written = folder / "index.html"
    written.write_text(page(results, plots, tables_of(results)), encoding="utf-8")
    return written
