"""A report on result files: a folder with a page, and a picture of each plot."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtest.published import read_published
from loadtest.report.batch_plots import batch_plots
from loadtest.report.batch_tables import batch_table, published_table
from loadtest.report.level_plots import level_plots
from loadtest.report.level_tables import (
    accuracy_table,
    level_table,
    loadgen_table,
    slo_table,
    versus_table,
)
from loadtest.report.series import batch_series, level_series
from loadtest.result import Device, Result
from pages.drawing import Plot, png
from pages.page import Doubt, Facts, Page, html
from pages.table import Table

_BUSY = 0.5  # load per core before a run, above which other work disturbs it


def write_report(results: Sequence[Result], folder: Path) -> Path:
    """Write ``index.html`` and a PNG of every plot to ``folder``, and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = page_of(results)
    for plot in page.plots:
        (folder / f"{plot.name}.png").write_bytes(png(plot.figure))
    written = folder / "index.html"
    written.write_text(html(page), encoding="utf-8")
    return written


def page_of(results: Sequence[Result]) -> Page:
    """Return the page: the plots and tables for which there is data, and each run."""
    return Page(
        subject="Load test of a Triton model repository",
        heading=", ".join(dict.fromkeys(Path(result.checkpoint).name for result in results)),
        lead=_lead(results),
        doubts=tuple(_doubts(results)),
        plots=tuple(plots_of(results)),
        tables=tuple(tables_of(results)),
        facts={"The runs": tuple(map(_run, results))},
    )


def plots_of(results: Sequence[Result]) -> list[Plot]:
    """Return the plots for which there is data."""
    slos = [result.slo for result in results if result.slo]
    return [
        *batch_plots(batch_series(results), read_published()),
        *level_plots(level_series(results), slos),
    ]


def tables_of(results: Sequence[Result]) -> list[Table]:
    """Return every table that has a row."""
    batches, loads, published = batch_series(results), level_series(results), read_published()
    made = (
        batch_table(batches),
        published_table(batches, published),
        level_table(loads),
        slo_table(results),
        versus_table(results),
        accuracy_table(results),
        loadgen_table(results),
    )
    return [table for table in made if table.rows]


def _lead(results: Sequence[Result]) -> str:
    devices = dict.fromkeys(_device(result.environment.device) for result in results)
    runs = "One run" if len(results) == 1 else f"{len(results)} runs"
    random = (
        " Its weights are random: latencies are right for its shape, but answers mean nothing."
        if any("random" in result.checkpoint for result in results)
        else ""
    )
    return (
        f"{runs} on {'; '.join(devices)}.{random} Every sample of every run is in its result "
        "file; the percentiles here are those of the samples."
    )


def _doubts(results: Sequence[Result]) -> Iterator[Doubt]:
    for result in results:
        environment = result.environment
        name = f"{result.name}, {environment.started}"
        if result.partial:
            yield Doubt("Partial", f"{name}: {result.partial}")
        device, load = environment.device, environment.load_average
        if device.kind == "cpu" and load > _BUSY * device.count:
            yield Doubt(
                "Busy",
                f"{name}: the machine's load was {load:.1f} on {device.count} cores in the minute "
                "before. If that work went on, it slowed the run.",
            )


def _device(device: Device) -> str:
    """Return the device in words: kind, name, count, memory, driver and clocks."""
    unit = {"cpu": "core", "gpu": "GPU"}[device.kind]
    count = f"{device.count} {unit}{'' if device.count == 1 else 's'}"
    clocks = [f"{name} clock {mhz} MHz" for name, mhz in device.clocks_mhz.items()]
    memory = f"{device.memory_bytes / 2**30:.0f} GiB"
    driver = [f"driver {device.driver}"] if device.driver else []
    return ", ".join((f"{device.kind.upper()} {device.name}", count, memory, *driver, *clocks))


def _run(result: Result) -> Facts:
    environment = result.environment
    values = {
        "Device": _device(environment.device),
        "Checkpoint": result.checkpoint,
        "Dataset": result.dataset or "",
        "Command": " ".join(environment.command),
        "Commit": environment.commit or "",
        "Versions": ", ".join(f"{name} {each}" for name, each in environment.versions.items()),
        "Load average before": f"{environment.load_average:.2f}",
        "Partial": result.partial or "",
        **{
            f"LoadGen, {row.scenario}": "; ".join(
                f"{head}: {value}" for head, value in row.summary.items()
            )
            for row in result.loadgen
        },
    }
    return Facts(values, title=result.name, note=environment.started, folded=False)
