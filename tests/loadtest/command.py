"""``python -m loadtest`` as a child process: Locust would patch this one's standard library."""

import subprocess
import sys
from pathlib import Path

from loadtest.result import Result, read_result

SECONDS = 120


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "loadtest", *arguments, "--results", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def loadtest(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Return the exit code, stdout and stderr."""
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def result(folder: Path) -> Result:
    (path,) = folder.glob("*.json")
    return read_result(path)
