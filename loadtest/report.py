"""A report: what result files hold, as a folder with a page and the picture of each plot."""

from collections.abc import Sequence
from pathlib import Path

from loadtest.batch_plots import batch_plots
from loadtest.drawing import Plot, png
from loadtest.load_plots import load_plots
from loadtest.page import page
from loadtest.published import read_published
from loadtest.report_tables import tables
from loadtest.result import Result
from loadtest.series import batch_series, load_series


def plots_of(results: Sequence[Result]) -> list[Plot]:
    """Return the plots for which the results hold data."""
    slos = [result.slo for result in results if result.slo]
    return [
        *batch_plots(batch_series(results), read_published()),
        *load_plots(load_series(results), slos),
    ]


def write_report(results: Sequence[Result], folder: Path) -> Path:
    """Write ``index.html`` and a PNG of every plot to ``folder``, and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = plots_of(results)
    for plot in plots:
        (folder / f"{plot.name}.png").write_bytes(png(plot))
    figures = tables(results, batch_series(results), load_series(results), read_published())
    written = folder / "index.html"
    written.write_text(page(results, plots, figures), encoding="utf-8")
    return written
