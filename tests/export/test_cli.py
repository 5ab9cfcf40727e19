"""The commands: what they read and print, when they do nothing, and that a kill does no harm."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import typer
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner, Result

from embedded.digest import sha256
from embedded.report import Calibration, read_report
from export import __main__ as export
from export import refresh
from export.calibration import SAMPLE
from export.variants import VARIANTS
from tests.export.conftest import GOLDEN, SEQUENCE_LENGTH, Exported, Golden, read_golden, snapshot

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
NAMED = "no 'folder\" of $HOME; `is` (called) {this} * "


@pytest.fixture(scope="session")
def golden() -> Golden:
    """One of the two is enough here."""
    return read_golden("plain")


def run(
    *arguments: object,
    command: Callable[..., None] = export.main,
    environment: Mapping[str, str] | None = None,
) -> Result:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)


def refuse(
    *arguments: object,
    command: Callable[..., None] = export.main,
    environment: Mapping[str, str] | None = None,
) -> str:
    result = run(*arguments, command=command, environment=environment)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("export: ")
    return lines[0]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What an export of a checkpoint with one tensor too many printed, and what it wrote."""
    parent = tmp_path_factory.mktemp("printed")
    folder = shutil.copytree(GOLDEN / "plain", parent / "checkpoint")
    tensors = load_file(folder / "model.safetensors") | {"position_ids": np.arange(128)[None]}
    save_file(tensors, folder / "model.safetensors")
    arguments = (folder, "--repository", parent / "models", "--sequence-length", 64)
    result = run(*arguments, "--variants", "onnx_fp32")
    assert result.exit_code == 0, result.output
    return result.stdout, parent / "models"


def test_export(printed: tuple[str, Path]) -> None:
    stdout, repository = printed
    for words in ("make onnx_fp32", "compare onnx_fp32", "try onnx_fp32", "3/3", "report.html"):
        assert words in stdout
    notice = "nothing says whether text is lower-cased"
    assert stdout.count(notice) == 1
    report = read_report(repository)
    assert report is not None
    assert report.notices[0].startswith(notice)
    assert notice in (repository / "report.html").read_text(encoding="utf-8")


def test_what_is_ignored_is_said_once(printed: tuple[str, Path]) -> None:
    stdout, _ = printed
    assert stdout.count("position_ids") == 1


def test_errors_are_one_line(tmp_path: Path) -> None:
    assert "nowhere is not a folder" in refuse(tmp_path / "nowhere")
    assert "unknown variant onnx_fp8; known are" in refuse("--variants", "onnx_fp8")
    longer = (GOLDEN / "plain", "--repository", tmp_path / "models", "--sequence-length", 129)
    assert "sequence length is 129" in refuse(*longer)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CHECKPOINT", NAMED, f"{NAMED} is not a folder"),
        ("REVISION", NAMED, f"is a path, so it has no revision {NAMED!r}"),
        ("VARIANTS", "onnx_fp32 $(id)", "unknown variant $(id); known are"),
        ("SEQ", "129", "sequence length is 129"),
        ("DATASET", NAMED, NAMED),
        ("CALIBRATION", NAMED, NAMED),
    ],
)
def test_a_variable_is_read_as_a_flag(tmp_path: Path, name: str, value: str, message: str) -> None:
    given = {"CHECKPOINT": str(GOLDEN / "plain"), name: value}
    assert message in refuse("--repository", tmp_path / "models", environment=given)
    assert list(tmp_path.iterdir()) == []


def test_a_flag_has_precedence_and_an_empty_variable_is_none(tmp_path: Path) -> None:
    names = ("CHECKPOINT", "REVISION", "VARIANTS", "SEQ", "DATASET", "CALIBRATION")
    given = dict.fromkeys(names, "") | {"CHECKPOINT": NAMED, "SEQ": "64"}
    flags = ("--repository", tmp_path / "models", "--sequence-length", 129)
    assert "sequence length is 129" in refuse(GOLDEN / "plain", *flags, environment=given)


def test_refresh_and_nothing_is_outdated(exported: Exported) -> None:
    """What the environment holds is for the command that has it refreshed."""
    before = snapshot(exported.repository)
    names = ("CHECKPOINT", "REVISION", "VARIANTS", "SEQ", "DATASET", "CALIBRATION")
    result = run(
        *("--repository", exported.repository),
        command=refresh.main,
        environment=dict.fromkeys(names, NAMED),
    )
    assert (result.exit_code, result.output) == (0, "")
    assert snapshot(exported.repository) == before


def test_refresh_is_quick(exported: Exported) -> None:
    """The checkpoint and sequence length are those of the report, not the defaults."""
    code = (
        "import sys, runpy; sys.argv[1:] = "
        f"['--repository', {str(exported.repository)!r}]\n"
        "try: runpy.run_module('export.refresh', run_name='__main__')\n"
        "except SystemExit as end: print(end.code, 'tensorflow' in sys.modules)"
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0 False\n"
    assert time.monotonic() - started < 5  # about 0.5 s where nothing else runs


def test_refresh_calibrates_on_the_file_of_the_export(tmp_path: Path) -> None:
    """It makes nothing while that file is the same, or gone; what it cannot make, it refuses."""
    repository, few = tmp_path / "models", tmp_path / "few.json"
    articles = json.loads(SAMPLE.read_text())["data"][:2]
    few.write_text(json.dumps({"data": articles}))
    to = ("--repository", repository)
    given = ("--variants", "openvino_int8", "--sequence-length", 64, "--calibration", few)
    result = run(GOLDEN / "plain", *to, *given)
    assert result.exit_code == 0, result.output
    report = read_report(repository)
    assert report is not None
    assert report.calibration == Calibration(str(few), sha256(few))
    for arguments in (to, (GOLDEN / "plain", *to)):
        result = run(*arguments, command=refresh.main)
        assert (result.exit_code, result.output) == (0, "")
    few.unlink()
    result = run(*to, command=refresh.main)
    assert (result.exit_code, result.output) == (0, "")
    shutil.rmtree(repository / "electra_qa_openvino_int8" / "1")
    said = refuse(*to, command=refresh.main)
    assert f"openvino_int8 has to be made again, but {few}" in said
    assert "make export CALIBRATION=file" in said


def test_refresh_by_another_length(exported: Exported) -> None:
    given = ("--repository", exported.repository, "--sequence-length", 129)
    said = refuse(exported.golden.folder, *given, command=refresh.main)
    assert "sequence length is 129" in said


@pytest.mark.parametrize(
    ("number", "step", "variant", "code"),
    [
        (signal.SIGINT, "compute the reference", "savedmodel_fp32", 130),
        (signal.SIGTERM, "make savedmodel_fp32", "savedmodel_fp32", 143),
        (signal.SIGKILL, "make onnx_fp32", "onnx_fp32", -signal.SIGKILL),
    ],
)
def test_killed_export_changes_nothing(
    exported: Exported, tmp_path: Path, number: signal.Signals, step: str, variant: str, code: int
) -> None:
    """Killed as soon as it says that ``step`` is done; the next export clears up.

    After each step there is a process that does the next, so one variant is enough.
    """
    repository = tmp_path / "model_repository"
    exported.repository.rename(repository)
    before = snapshot(repository)
    arguments = ["-m", "export", str(GOLDEN / "projected"), "--repository", str(repository)]
    arguments += ["--variants", variant, "--sequence-length", str(SEQUENCE_LENGTH)]
    try:
        with subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert any(line.startswith(step) for line in process.stdout)
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        assert process.returncode == code
        if number != signal.SIGKILL:  # then the process that converts finds its parent gone
            assert "Traceback" not in errors
        assert snapshot(repository) == before
        assert (len(list(tmp_path.glob(".*"))) == 1) is (number == signal.SIGKILL)
    finally:
        repository.rename(exported.repository)


def test_help_names_every_variant() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for variant in VARIANTS:
        assert variant.name in result.stdout
