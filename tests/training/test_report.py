"""The tables of what was measured, beside NVIDIA's published figures."""

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.conftest import ROOT
from training.measured import read_measured, read_run
from training.report import BUNDLED, main, markdown, with_tables

START, END = "<!-- measured -->", "<!-- /measured -->"
MEASURED = ROOT / "docs" / "benchmarks" / "amd-epyc-zen-5-2-cores" / "training"
F1S = (70.0, 71.0, 72.5)


def _write(folder: Path, name: str, f1: float, **settings: object) -> None:
    scores = {"exact_match": f1 - 10, "f1": f1, "total": 100}
    content = {
        "recipe": {"seed": 1, "dropout": 0.1, "init": "minilm", "precision": "bf16"} | settings,
        "trained": {"step": 5, "loss": 1.0, "tokens": 9, "seconds": 60.0},
        "device": "2 x CPU",
        "scores": {"held out, with unanswerable": scores | {"f1": f1 + 5}, "held out": scores},
    }
    (folder / f"{name}.json").write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, f1 in enumerate(F1S, 1):
        _write(tmp_path, f"seed-{seed}", f1, seed=seed)
    _write(tmp_path, "no-dropout", 71.5, dropout=0)
    _write(tmp_path, "pretrained", 75.0, init="build/pretrained")
    speed = {"size": "mini", "precision": "bf16", "batch": 32, "sequence": 192}
    measured = [speed | {"step_seconds": [4.0, 2.0, 1.0]}]
    (tmp_path / "throughput.json").write_text(json.dumps({"device": "CPU", "measured": measured}))
    return tmp_path


def _rows(tables: str) -> Mapping[str, list[str]]:
    rows = [line.strip("|").split("|") for line in tables.splitlines() if line.startswith("| ")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}


def test_a_change_is_compared_with_the_mean_and_the_noise_of_the_seeds(folder: Path) -> None:
    rows = _rows(markdown(read_measured(folder), read_run(ROOT / BUNDLED)))
    f1, deviation = mean(F1S), stdev(F1S)
    assert rows["the recipe, 3 seeds"][1] == f"{f1:.2f} ± {deviation:.2f}"
    assert rows["`dropout=0`"] == ["61.50", "71.50", "+0.33, within the noise", "76.50"]
    assert rows["`make pretrain before it`"][2] == "+3.83"
    assert rows["held out, F1"] == ["70.00", "71.00", "72.50", f"{f1:.2f}", f"{deviation:.2f}"]


def test_a_change_to_a_word_is_named(folder: Path) -> None:
    _write(folder, "fp32", 71.0, precision="fp32")
    rows = _rows(markdown(read_measured(folder), read_run(ROOT / BUNDLED)))
    assert rows["`precision=fp32`"][1] == "71.00"


def test_a_run_from_before_a_setting_has_its_default(folder: Path) -> None:
    _write(folder, "seed-4", 71.0, seed=4, unanswerable=0.0)
    _write(folder, "with-unanswerable", 72.0, unanswerable=1.0)
    rows = _rows(markdown(read_measured(folder), read_run(ROOT / BUNDLED)))
    assert "the recipe, 4 seeds" in rows
    assert rows["`unanswerable=1`"][1] == "72.00"


def test_the_time_to_train_is_that_of_all_trainings(folder: Path) -> None:
    content = json.loads((folder / "pretrained.json").read_text())
    earlier = content | {"earlier": {"trained": {"seconds": 3600.0}}}
    (folder / "last.json").write_text(json.dumps(content | {"earlier": earlier}))
    assert read_run(folder / "last.json").seconds == 60 + 60 + 3600


def test_throughput_is_of_windows_of_384_tokens_by_the_median_step(folder: Path) -> None:
    tables = markdown(read_measured(folder), read_run(ROOT / BUNDLED))
    assert "| mini | CPU | bf16 | 32 | 8.0 |" in tables
    assert "| base | DGX A100 40GB, published | tf32 | 32 | 104 |" in tables


def test_the_gains_are_drawn(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot = tmp_path / "gains.png"
    document = tmp_path / "a.md"
    document.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    assert _invoke(folder, "--plot", plot, "--document", document).exit_code == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    text = document.read_text()
    assert text.startswith(f"before\n{START}\n### Each change by itself\n")
    assert text.endswith(f"\n{END}\nafter\n")
    assert "old" not in text


def test_without_several_seeds_nothing_is_compared(folder: Path) -> None:
    for seed in (2, 3):
        (folder / f"seed-{seed}.json").unlink()
    assert "more than one seed" in _refused(folder)


def test_what_is_no_run_is_refused(folder: Path) -> None:
    (folder / "other.json").write_text("{}")
    assert "other.json has no 'recipe'" in _refused(folder)
    (folder / "other.json").write_text("{")
    assert "cannot read" in _refused(folder)


def _refused(folder: Path) -> str:
    result = _invoke(folder)
    assert result.exit_code == 2
    return result.stderr


def _invoke(folder: Path, *options: object) -> Result:
    app = typer.Typer()
    app.command()(main)
    arguments = [str(each) for each in (folder, *options)]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "300"})


def test_the_readme_has_what_was_measured() -> None:
    text = (ROOT / "training" / "README.md").read_text()
    tables = markdown(read_measured(MEASURED), read_run(ROOT / BUNDLED))
    assert START in text
    assert END in text
    assert with_tables(text, tables) == text
