"""The report: the page and pictures of handmade results, and the commands."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.report.page import plots_of, tables_of, write_report
from loadtest.report.series import batch_series, level_series
from loadtest.result import Result, write_result
from loadtest.samples import nvidia_reading
from pages.drawing import LIGHT
from pages.table import Table
from tests.conftest import ROOT
from tests.loadtest.results import (
    GPU,
    batch_row,
    bench,
    latencies,
    level_row,
    load,
    loadgen,
    run,
    versus,
)
from tests.pages.reader import Reader

pytestmark = pytest.mark.thorough

BATCH_PLOTS = ["latency-over-batch", "throughput-over-batch", "percentiles-by-batch"]
LOAD_PLOTS = ["latency-throughput", "percentiles-under-load"]
HOSTILE = "<script>alert(\"1\")</script> & $x$ '{}'"


def bare_bench() -> Result:
    rows = [replace(row, split=None, peak=None, accuracy=None) for row in bench().batches]
    return replace(run("bench"), batches=tuple(rows))


def bare_load() -> Result:
    """A baseline gives few latencies, and neither stages nor metrics."""
    few = replace(
        level_row("transformers pipeline", "closed", 1),
        latencies=latencies(90, 5, 0),
        context_characters=(100, 200, 300, 400, 500),
        stages={},
        padding_ratio=None,
        mean_batch=None,
    )
    return replace(run("versus"), loads=(few,))


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([bench()], [*BATCH_PLOTS, "triton-split"]),
        ([bare_bench()], BATCH_PLOTS),
        ([load()], [*LOAD_PLOTS, "stages", "latency-over-context", "padding"]),
        ([bare_load()], LOAD_PLOTS),
        ([loadgen()], []),
        ([run("interrupted")], []),
        ([bench(), bare_load()], [*BATCH_PLOTS, "triton-split", *LOAD_PLOTS]),
    ],
    ids=["bench", "bare bench", "load", "bare load", "loadgen", "nothing", "both"],
)
def test_a_plot_is_there_where_its_data_is(results: Sequence[Result], expected: list[str]) -> None:
    assert [plot.name for plot in plots_of(results)] == expected


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    partial = replace(bench(), partial="interrupted after 3 of 8 rows")
    folder = tmp_path_factory.mktemp("report")
    return write_report([partial, load(), versus(), loadgen()], folder).parent


def test_pictures(everything: Path) -> None:
    pictures = sorted(path.stem for path in everything.glob("*.png"))
    assert pictures == sorted(
        [*BATCH_PLOTS, "triton-split", *LOAD_PLOTS, "stages", "latency-over-context", "padding"]
    )
    for picture in everything.glob("*.png"):
        data = picture.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = (int.from_bytes(data[place : place + 4]) for place in (16, 20))
        assert width > 800
        assert height > 400


def test_the_page_needs_nothing_else(everything: Path) -> None:
    html = (everything / "index.html").read_text()
    read = Reader(html)
    assert read.tags["svg"] == len(list(everything.glob("*.png")))
    assert not {"script", "link", "img", "image"} & set(read.tags)
    ids, references = read.values("id"), read.values("href", "xlink:href", "src", "clip-path")
    assert len(ids) == len(set(ids))
    assert {re.sub(r"^url\(|\)$", "", each)[1:] for each in references} <= set(ids)
    drawn = html[html.index("</style>") :]
    assert not [light for light in LIGHT.values() if light in drawn]  # dark mode has them all
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", html))
    defined = set(re.findall(r"--([a-z0-9-]+):", html))
    assert used <= defined


def test_the_page_says_what_was_measured_on_what(everything: Path) -> None:
    text = " ".join(Reader((everything / "index.html").read_text()).texts)
    for words in (
        "interrupted after 3 of 8 rows",
        "CPU AMD EPYC 9B45, 2 cores",
        "0123abc-dirty",
        "python -m loadtest bench",
        "onnxruntime 1.32.0",
        "0.25",  # load average
        "devices differ",
        "never published",
        "tensorflow:20.07-tf2-py3",
        "against transformers pipeline",
        "against 82.20",
        "Result is: INVALID",
    ):
        assert words in text, words


def test_a_busy_machine_is_said(tmp_path: Path) -> None:
    quiet = bench()
    busy = replace(quiet, environment=replace(quiet.environment, load_average=10.0))
    said = "load was 10.0 on 2 cores"
    assert said in write_report([busy], tmp_path / "busy").read_text()
    assert said not in write_report([quiet], tmp_path / "quiet").read_text()


def test_texts_are_escaped(tmp_path: Path) -> None:
    rows = (batch_row(HOSTILE, 1, 20), replace(batch_row("$_{", 1, 20), rounds=((20.0,),)))
    loads = (replace(level_row(HOSTILE, "closed", 1), failures={HOSTILE: 1}),)
    made = replace(run(HOSTILE), batches=rows, loads=loads, partial=HOSTILE, checkpoint=HOSTILE)
    device = replace(GPU, name=HOSTILE, clocks_mhz={HOSTILE: 1})
    environment = replace(made.environment, device=device, command=(HOSTILE,), commit=HOSTILE)
    html = write_report([replace(made, environment=environment)], tmp_path).read_text()
    read = Reader(html)
    assert "script" not in read.tags
    assert HOSTILE in " ".join(read.texts)


def by_title(results: Sequence[Result]) -> dict[str, Table]:
    return {table.title: table for table in tables_of(results)}


def test_measured_beside_published() -> None:
    table = by_title([bench()])["Beside NVIDIA's figures"]
    one, middle, _, most, *_ = table.rows
    row = bench().batches[0]
    cell = one["1x A100 40GB, FP16"]
    assert cell.text == "166"
    reading = nvidia_reading(row.samples)
    assert reading
    assert cell.note == (
        f"{row.throughput / 166:.3g} times; mean 6.04 ms, {reading.mean / 6.035:.3g} times; "
        "devices differ"
    )
    assert middle["1x A100 40GB, FP16"].note == "never published"
    assert middle["1x T4 16GB, FP16"].text == "185"
    assert most["1x T4 16GB, FP16"].note == "never published"
    same = by_title([replace(run("bench", GPU), batches=bench().batches)])
    cells = same["Beside NVIDIA's figures"].rows[0]
    assert cells["1x A100 40GB, TF32"].note.endswith("same model of device")
    assert cells["1x T4 16GB, FP16"].note.endswith("devices differ")
    shorter = [replace(each, sequence_length=128) for each in bench().batches]
    assert "Beside NVIDIA's figures" not in by_title([replace(bench(), batches=tuple(shorter))])


def test_failures_are_shown_where_nothing_was_answered() -> None:
    refused = replace(
        level_row("gateway", "open", 90), latencies=(), context_characters=(), settled=False
    )
    results = [replace(run("load"), loads=(level_row("gateway", "open", 5), refused))]
    last = by_title(results)["Questions under load"].rows[-1]
    assert (last["answers"].text, last["p99"].text) == ("0", "")
    assert (last["failures"].text, last["failures"].note) == ("7", "7 429")
    assert last["system"].note == "had not settled"
    assert [plot.name for plot in plots_of(results)][:2] == LOAD_PLOTS


def test_one_name_has_one_colour_in_every_plot() -> None:
    gpu = replace(run("bench", GPU, minute=5), batches=bench().batches)
    results = [bench(), gpu, load(), versus()]
    batches, loads = batch_series(results), level_series(results)
    labels = [each.label for each in batches]
    assert labels == [
        f"{variant}, {device}"
        for device in ("AMD EPYC 9B45", GPU.name)
        for variant in ("onnx_fp32", "onnx_int8")
    ]
    colours = {each.label: each.colour for each in batches}
    colours |= {each.label: each.colour for each in loads}
    int8 = {colour for label, colour in colours.items() if "onnx_int8" in label}
    assert len(int8) == 1
    assert len(set(colours.values())) == 3
    # and of the same colour, no two lines of a plot look alike
    looks = [(each.colour, each.dashes, each.kind) for each in batches]
    looks += [(each.colour, each.dashes, each.kind) for each in loads]
    assert len(looks) == len(set(looks))


def loadtest(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtest", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_report_command(tmp_path: Path) -> None:
    path = write_result(bench(), tmp_path)
    done = loadtest("report", path, "--output", tmp_path / "page")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/page/index.html\n"), done.stderr
    assert (tmp_path / "page" / "throughput-over-batch.png").exists()


def test_compare_command(tmp_path: Path) -> None:
    path = write_result(bench(), tmp_path)
    done = loadtest("compare", f"{path}:onnx_int8", f"{path}:onnx_fp32")
    assert done.returncode == 0, done.stderr
    for words in ("0.500", "A is lower", "A is higher", "p99 needs 100 samples"):
        assert words in done.stdout
    done = loadtest("compare", path, f"{path}:onnx_fp8")
    assert done.returncode == 1
    assert done.stderr == "error: the run bench has no onnx_fp8; known are: onnx_fp32, onnx_int8\n"


def test_files_that_are_no_results(tmp_path: Path) -> None:
    (tmp_path / "not.json").write_text("{}")
    done = loadtest("report", tmp_path / "not.json")
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path}/not.json is not a result: name: Field required\n"
