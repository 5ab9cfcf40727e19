"""Child processes: what ends them."""

import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from embedded.process import end, kill, start

SECONDS = 60  # a busy machine is slow
SLEEP = "import time; print(0, flush=True); time.sleep(1000)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
# a process that starts another, and another that ends while that lives on
PARENT = "import subprocess; subprocess.Popen(['sleep', '1000'])"
CARELESS = "from embedded.process import start; start(['sleep', '1000'])"


@contextmanager
def started(program: str) -> Iterator[subprocess.Popen[Any]]:
    process = start((sys.executable, "-c", program), stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        kill(process)
        assert process.stdout is not None
        process.stdout.close()


def is_said(process: subprocess.Popen[Any]) -> bool:
    """Whether the process prints something, or nobody holds its output open any more."""
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], SECONDS)[0])


def test_one_that_ends_when_it_is_told_to() -> None:
    with started(SLEEP) as process:
        assert is_said(process)
        process.terminate()
        assert end(process, SECONDS)
        assert process.returncode == -signal.SIGTERM


def test_one_that_does_not_listen_is_killed() -> None:
    with started(STUBBORN) as process:
        assert is_said(process)
        process.terminate()
        assert not end(process, 0.1)
        assert process.returncode == -signal.SIGKILL


def test_what_it_started_ends_too() -> None:
    with started(PARENT) as process:
        assert end(process, SECONDS)
        assert is_said(process)


def test_it_ends_with_the_one_who_started_it() -> None:
    with started(CARELESS) as process:
        process.wait(SECONDS)
        assert is_said(process)
