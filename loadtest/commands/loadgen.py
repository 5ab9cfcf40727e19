"""``loadgen``: MLPerf's LoadGen on a model, and its verdict beside ours."""

import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from embedded.cpu import read_cpu
from embedded.errors import EmbeddedError
from embedded.gpu import serving_gpu
from embedded.layout import remove_leftovers
from embedded.selection import choose
from loadtest import child
from loadtest.batches.inputs import read_examples
from loadtest.commands.options import MODELS, Results, TritonUrl
from loadtest.device import environment
from loadtest.errors import LoadTestError
from loadtest.exported import model_name, read_exported
from loadtest.mlperf import ROW, SCENARIOS, SERVER_P99_MS, unofficial
from loadtest.result import FOLDER, LoadGenRow, Result, write_result
from loadtest.samples import summarize
from loadtest.stop import interrupt_me, raise_again, stoppable
from pages.terminal import terminal
from qa.squad import SAMPLE


def loadgen(
    variant: Annotated[
        str | None,
        typer.Option(envvar="VARIANT", help="Variant to load; by default, the gateway's choice."),
    ] = None,
    dataset: Annotated[
        Path,
        typer.Option(
            envvar="DATASET",
            help="SQuAD file; MLPerf's is dev-v1.1.json, which has 10,833 windows.",
            show_default="200 questions of it",
        ),
    ] = SAMPLE,
    scenarios: Annotated[
        str, typer.Option(envvar="SCENARIOS", help="MLPerf's names of them.")
    ] = " ".join(SCENARIOS),
    seconds: Annotated[
        float,
        typer.Option(
            envvar="SECONDS", min=1, help="Least seconds for each scenario; MLPerf's are 600."
        ),
    ] = 60,
    target: Annotated[
        float | None,
        typer.Option(min=0.1, help="Windows/s of Server; by default, found by trying."),
    ] = None,
    url: TritonUrl = None,
    repository: Annotated[
        Path, typer.Option(help="Folder of the embedded Triton's models.")
    ] = MODELS,
    results: Results = FOLDER,
) -> None:
    """Run MLPerf's scenarios with the rules of BERT-99, and print LoadGen's verdict beside ours."""
    interrupt_me()
    if find_spec("mlperf_loadgen") is None:
        raise LoadTestError(
            "MLPerf's LoadGen is not installed: it has no build for arm64; with a C++ compiler, "
            "pip install mlcommons-loadgen builds it"
        )
    questions = len(read_examples(dataset))
    _check_scenarios(scenarios)
    model = model_name(variant) if variant else _chosen(repository)
    exported = read_exported(repository)
    made = environment()
    with tempfile.TemporaryDirectory(prefix="loadgen-") as folder:
        rows = Path(folder, "rows.jsonl")
        fault = _run(
            *("--model", model, "--dataset", str(dataset), "--repository", str(repository)),
            *("--output", str(rows), "--scenarios", scenarios, "--seconds", str(seconds)),
            *(("--target", str(target)) if target else ()),
            *(("--url", url) if url else ()),
        )
        found = _read(rows)
    result = Result(
        name="loadgen",
        environment=made,
        checkpoint=exported.checkpoint if exported else model,
        dataset=f"{dataset.name}, {questions} questions",
        loadgen=found,
        partial=fault,
    )
    _finish(result, seconds, results)


def _check_scenarios(names: str) -> None:
    if not names.split() or not set(names.split()) <= set(SCENARIOS):
        raise LoadTestError(f"--scenarios {names!r}: choose from {', '.join(SCENARIOS)}")


def _chosen(repository: Path) -> str:
    try:
        return choose(repository, read_cpu(), serving_gpu()).model
    except EmbeddedError as error:
        raise LoadTestError(f"{error}; --repository names the folder, --variant a model") from error


def _run(*arguments: str) -> str | None:
    """Run LoadGen in a process of its own; return why it ended early, or None."""
    waiting = Console(stderr=True).status("LoadGen is running; it reports only at the end")
    with stoppable() as stop, waiting:
        print(child.run("loadtest.loadgen", *arguments), end="")
    remove_leftovers()  # of its Triton, which ended with it
    return stop.reason


def _read(path: Path) -> tuple[LoadGenRow, ...]:
    lines = path.read_text().splitlines() if path.exists() else []
    return tuple(ROW.validate_json(line) for line in lines)


def _finish(result: Result, seconds: float, folder: Path) -> None:
    """Write and print the result; raises what ended the run early."""
    path = None
    if result.loadgen:
        console = terminal()
        console.print(verdict_table(result.loadgen), highlight=False)
        windows = int(result.loadgen[0].summary["performance_sample_count"])
        if said := unofficial(seconds, windows):
            print(said)
        print("by MLPerf's rules for BERT-99, but not with its model: no row is an MLPerf result")
        path = write_result(result, folder)
        print(path)
    raise_again(result.partial, path)


def verdict_table(rows: Sequence[LoadGenRow]) -> Table:
    """Return LoadGen's verdict and figure of each run, beside ours."""
    table = Table(
        *("scenario", "target/s", "figure", "LoadGen", "", "ours", "", "queries"),
        caption=f"Server holds a p99 of {SERVER_P99_MS:g} ms or less",
    )
    for row in rows:
        figure, theirs, ours = _figures(row)
        table.add_row(
            row.scenario,
            "" if row.target is None else f"{row.target:.1f}",
            figure,
            theirs,
            "VALID" if row.valid else "INVALID",
            ours,
            "valid" if row.ours else "invalid",
            str(len(row.latencies)),
        )
    return table


def _figures(row: LoadGenRow) -> tuple[str, str, str]:
    """Return the name of a scenario's figure, LoadGen's value, and ours."""
    if row.scenario == "Offline":
        theirs = float(row.summary["Samples per second"])
        return "windows/s", f"{theirs:.2f}", f"{len(row.latencies) / row.seconds:.2f}"
    latency = summarize(row.latencies)
    share, ours = (90, latency.p90) if row.scenario == "SingleStream" else (99, latency.p99)
    theirs = float(row.summary[f"{share}.00 percentile latency (ns)"]) / 1e6
    return f"p{share} ms", f"{theirs:.2f}", f"{ours:.2f}"
