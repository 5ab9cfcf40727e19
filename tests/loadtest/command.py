"""``python -m loadtest`` as a child process: Locust would patch this one's standard library."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest.result import Result, read_result

SECONDS = 300  # a busy machine is slow


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Start it, and end it with the block, however that ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest", *arguments, "--results", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()


def loadtest(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Return the exit code, stdout and stderr."""
    with started(folder, *arguments) as process:
        out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def result(folder: Path, name: str = "") -> Result:
    (path,) = folder.glob(f"*{name}.json")
    return read_result(path)
