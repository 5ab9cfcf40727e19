"""requirements.lock is for x86-64 and for arm64 Linux."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("python", ["3.11", "3.12"])
def test_every_package_has_a_build(machine: str, python: str, tmp_path: Path) -> None:
    """By the package index, without installing anything."""
    done = subprocess.run(
        [
            *(Path(sys.prefix, "bin", "uv"), "pip", "install", "--dry-run", "--require-hashes"),
            *("--only-binary", ":all:", "--python-version", python, "--target", tmp_path),
            *("--python-platform", f"{machine}-manylinux_2_35", "-r", ROOT / "requirements.lock"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ("tensorflow-cpu==" in done.stderr) == (machine == "x86_64")
    assert "tensorflow" in done.stderr
