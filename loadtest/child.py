"""Child processes: a module that runs to its end, and a server that runs for a block."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from embedded.process import end, kill, start
from loadtest.errors import LoadTestError

START_SECONDS = 180  # importing torch from a cold disk takes long
STOP_SECONDS = 40


def run(module: str, *arguments: str | Path, seconds: float | None = None) -> str:
    """Run ``python -m module``, and return what it writes to stdout.

    Raises LoadTestError when it fails, with the last line of its stderr, or when it takes longer
    than ``seconds``.
    """
    process = start(
        (sys.executable, "-m", module, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise LoadTestError(f"it took longer than {seconds} s") from None
    finally:
        kill(process)
    if process.returncode != 0:
        raise LoadTestError(_last_line(errors) or f"it ended with code {process.returncode}")
    return str(output)


@contextmanager
def serving(
    name: str,
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    is_ready: Callable[[], bool],
    remedy: str = "",
) -> Iterator[None]:
    """Run ``command`` around the block, which starts once ``is_ready`` returns true.

    Raises LoadTestError when the command ends before it is ready, or is not ready in time. The
    message calls it ``name``, quotes the last line that it wrote, and ends with ``remedy``.
    """
    with tempfile.TemporaryDirectory(prefix="loadtest-") as folder:
        log = Path(folder, "server.log")
        with log.open("wb") as output:
            process = start(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not is_ready():
                if process.poll() is not None:
                    said = _last_line(log.read_text(errors="replace"))
                    raise LoadTestError(f"{name} did not start: {said}{remedy}")
                if time.monotonic() > deadline:
                    raise LoadTestError(f"{name} was not ready within {START_SECONDS} s")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            end(process, STOP_SECONDS)


def _last_line(said: str) -> str:
    return said.strip().rpartition("\n")[2].removeprefix("error: ")
