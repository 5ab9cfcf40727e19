"""The end-to-end tests can be pointed at a Triton that runs already."""

import subprocess
import sys
from pathlib import Path

import pytest

from embedded.ports import free_ports
from embedded.server import run_triton
from tests.conftest import ROOT

pytestmark = [pytest.mark.embedded, pytest.mark.thorough]

MODELS = ["electra_qa_onnx_fp32"]
TESTS = ("tests/e2e/test_huggingface.py", "tests/e2e/test_pool.py")


def accept(url: str) -> subprocess.CompletedProcess[str]:
    arguments = (*("-q", "-p", "no:cacheprovider"), f"--triton={url}", *TESTS)
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], capture_output=True, text=True, cwd=ROOT
    )


def test_all_but_the_tests_of_the_embedded_one_are_run(repository: Path) -> None:
    with run_triton(repository, MODELS, free_ports(), start_seconds=60, grace_seconds=5) as triton:
        done = accept(triton.url)
    assert done.returncode == 0, done.stdout
    assert "needs the embedded Triton" in done.stdout
    assert " passed, " in done.stdout


def test_one_that_is_not_there_is_named() -> None:
    done = accept("127.0.0.1:1")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--triton: 127.0.0.1:1 does not answer" in done.stdout + done.stderr
