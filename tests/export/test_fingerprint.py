"""The fingerprint of an export covers everything that makes the models, and nothing else."""

import ast
import shutil
from pathlib import Path

import pytest

from embedded.report import Calibration
from export import fingerprint
from export.fingerprint import ROOT, code_files
from export.variants import VARIANTS

# what reads the checkpoint, makes the model files, and writes the configs beside them
MAKERS = ("export/checkpoint/reader.py", "export/graphs/conversion.py", "export/triton_config.py")
PACKAGES = ("export", "qa")  # embedded computes and measures; no file depends on it


def imported(path: Path) -> set[Path]:
    """The modules of ``PACKAGES`` that ``path`` imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    ours = (name.split(".") for name in names)
    files = (ROOT.joinpath(*parts).with_suffix(".py") for parts in ours if parts[0] in PACKAGES)
    return {file for file in files if file.is_file()}


def test_all_that_makes_the_models_is_in_it() -> None:
    waiting, found = [ROOT / each for each in MAKERS], set[Path]()
    while waiting:
        if (path := waiting.pop()) not in found:
            found.add(path)
            waiting += imported(path)
    assert len(found) > 2 * len(MAKERS)
    missing = found - set(code_files())
    assert not missing, f"add them to export.fingerprint.CODE: {missing}"


@pytest.mark.parametrize("pattern", fingerprint.CODE)
def test_every_pattern_has_files(pattern: str) -> None:
    assert list(ROOT.glob(pattern))


@pytest.mark.parametrize(
    ("file", "is_in_it"),
    [
        ("export/checkpoint/weights.py", True),
        ("export/graphs/electra.py", True),
        ("export/variants.py", True),
        ("qa/windows.py", True),  # cuts the windows of the calibration
        ("qa/metric.py", False),
        ("export/proof/gates.py", False),
        ("export/report/plots.py", False),
        ("export/steps.py", False),
    ],
)
def test_a_changed_line(
    file: str, is_in_it: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)

    def found() -> str:
        return fingerprint.fingerprints(VARIANTS[:1], {}, 128, Calibration("", ""))[VARIANTS[0]]

    before = found()
    with (tmp_path / file).open("a") as changed:
        changed.write("# another line\n")
    assert (found() != before) == is_in_it
