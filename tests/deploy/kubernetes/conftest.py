"""The tools of the chart's checks, installed once, and a model to serve."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CHECKPOINT, ROOT
from tests.deploy.kubernetes.tools import Missing, install, skip


@pytest.fixture(scope="session")
def tools() -> None:
    """Helm, checkov and the validators; skips the test where they cannot be installed."""
    try:
        install()
    except Missing as error:
        skip(str(error))


@pytest.fixture(scope="session")
def served() -> Path:
    """The repository of the other tests, with one variant that any CPU serves."""
    folder = ROOT / "build" / "test-repository"
    subprocess.run(
        [
            *(sys.executable, "-m", "export", str(CHECKPOINT), "--variants", "onnx_int8"),
            *("--repository", str(folder), "--if-needed"),
        ],
        check=True,
        cwd=ROOT,
    )
    return folder
