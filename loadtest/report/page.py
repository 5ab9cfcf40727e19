"""The page of a report: result files as plots and tables, in one file that needs nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from loadtest.report.cells import Cell, Table
from loadtest.report.drawing import COLOURS, Plot, svg
from loadtest.result import Device, Result

STYLE = Path(__file__).with_name("page.css")
_BUSY = 0.5  # load per core, before a run, from which other work is no small noise
_GROUND = {"ground": ("#ffffff", "#14191f"), "card": ("#f5f7f9", "#1d242b")}


def page(results: Sequence[Result], plots: Sequence[Plot], tables: Sequence[Table]) -> str:
    """Return the page; plots and style are in it, and it works without a network or scripts."""
    checkpoints = ", ".join(dict.fromkeys(Path(result.checkpoint).name for result in results))
    title = f"{checkpoints}: load test report"
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{_colours()}{STYLE.read_text(encoding='utf-8')}</style>",
            "</head>",
            "<body>",
            _head(results, checkpoints),
            f'<section><h2>Plots</h2><div class="plots">{"".join(map(_figure, plots))}</div>'
            "</section>"
            if plots
            else "",
            *(_table(table) for table in tables),
            _runs(results),
            "</body>",
            "</html>\n",
        )
    )


def _colours() -> str:
    """Return the colours as CSS variables; paper is light whatever the screen was."""
    both = COLOURS | _GROUND
    light = " ".join(f"--{name}: {value};" for name, (value, _) in both.items())
    dark = " ".join(f"--{name}: {value};" for name, (_, value) in both.items())
    return (
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )


def _head(results: Sequence[Result], checkpoints: str) -> str:
    devices = dict.fromkeys(_device(result.environment.device) for result in results)
    runs = "One run" if len(results) == 1 else f"{len(results)} runs"
    random = (
        " Its weights are random: latencies are those of the shapes, answers mean nothing."
        if any("random" in result.checkpoint for result in results)
        else ""
    )
    return (
        '<header><p class="eyebrow">Load test of a Triton model repository</p>'
        f"<h1>{escape(checkpoints)}</h1>"
        f'<p class="lead">{runs} on {escape("; ".join(devices))}.{random} Every sample of every '
        "run is in its result file; the percentiles here are those of the samples.</p>"
        f"{''.join(_doubts(results))}</header>"
    )


def _doubts(results: Sequence[Result]) -> Iterator[str]:
    """Yield what a reader has to know before the figures."""
    for result in results:
        environment = result.environment
        name = f"{result.name}, {environment.started}"
        if result.partial:
            yield _doubt("Partial", f"{name}: {result.partial}")
        device, load = environment.device, environment.load_average
        if device.kind == "cpu" and load > _BUSY * device.count:
            yield _doubt(
                "Busy",
                f"{name}: the machine's load was {load:.1f} on {device.count} cores in the minute "
                "before. What else ran then may have run meanwhile, and is in the latencies.",
            )


def _doubt(head: str, text: str) -> str:
    return f'<p class="doubt"><b>{escape(head)}</b> {escape(text)}</p>'


def _device(device: Device) -> str:
    """Return the device in words: its kind, name, number, clocks."""
    unit = {"cpu": "core", "gpu": "GPU"}[device.kind]
    count = f"{device.count} {unit}{'' if device.count == 1 else 's'}"
    clocks = [f"{name} clock {mhz} MHz" for name, mhz in device.clocks_mhz.items()]
    memory = f"{device.memory_bytes / 2**30:.0f} GiB"
    driver = [f"driver {device.driver}"] if device.driver else []
    return ", ".join((f"{device.kind.upper()} {device.name}", count, memory, *driver, *clocks))


def _figure(plot: Plot) -> str:
    return (
        f"<figure><h3>{escape(plot.title)}</h3>{svg(plot)}"
        f"<figcaption>{escape(plot.caption)}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    heads = table.heads
    row_of_heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    rows = ("".join(_cell(head, row[head]) for head in heads) for row in table.rows)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f"<section><h2>{escape(table.title)}</h2><p>{escape(table.legend)}</p>"
        f"<table><thead><tr>{row_of_heads}</tr></thead><tbody>{body}</tbody></table></section>"
    )


def _cell(head: str, cell: Cell) -> str:
    note = f'<span class="note">{escape(cell.note)}</span>' if cell.note else ""
    return f'<td data-head="{escape(head)}">{escape(cell.text)}{note}</td>'


def _runs(results: Sequence[Result]) -> str:
    details = (
        f"<details open><summary>{escape(result.name)} "
        f'<span class="note">{escape(result.environment.started)}</span></summary>'
        f"{_facts(_run(result))}</details>"
        for result in results
    )
    return f"<section><h2>The runs</h2>{''.join(details)}</section>"


def _run(result: Result) -> dict[str, str]:
    environment = result.environment
    return {
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


def _facts(facts: Mapping[str, str]) -> str:
    """Return a list of facts; those without a value are left out."""
    pairs = (
        f"<dt>{escape(head)}</dt><dd>{escape(value)}</dd>" for head, value in facts.items() if value
    )
    return f'<dl class="facts">{"".join(pairs)}</dl>'
