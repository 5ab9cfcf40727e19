"""A function in its own process: results, errors and crashes come back as they should."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from export.errors import ExportError
from export.isolation import Progress, isolated


def add(one: int, other: int) -> tuple[int, int]:
    return one + other, os.getpid()


def count(until: int, *, progress: Progress) -> int:
    for done in range(until):
        progress(done + 1, until)
    return until


def refuse() -> None:
    raise ExportError("said why")


def fill() -> None:
    raise OSError(28, "No space left on device", "model.onnx")


def fail() -> None:
    raise ZeroDivisionError("a defect")


def crash() -> None:
    ctypes.string_at(0)


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    os.write(2, b"last words")
    os._exit(3)


def test_result() -> None:
    result, process = isolated(add, 2, 3)
    assert result == 5
    assert process != os.getpid()


def test_progress() -> None:
    seen: list[tuple[int, int]] = []
    assert isolated(count, 3, progress=lambda *numbers: seen.append(numbers)) == 3
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_errors_of_ours_come_back() -> None:
    with pytest.raises(ExportError, match=r"^said why$"):
        isolated(refuse)
    with pytest.raises(OSError, match=r"No space left on device: 'model\.onnx'"):
        isolated(fill)


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (fail, ["fail failed: ZeroDivisionError: a defect"]),
        (crash, ["process of crash was ended by SIGSEGV"]),
        (be_killed, ["was ended by SIGKILL, which happens when memory runs out"]),
        (leave, ["process of leave ended with exit code 3; its last output: last words"]),
    ],
)
def test_a_process_that_dies(work: Callable[[], None], words: list[str]) -> None:
    with pytest.raises(ExportError) as raised:
        isolated(work)
    for word in words:
        assert word in str(raised.value)
    assert "\n" not in str(raised.value)


def wait_for(file: Path) -> None:
    file.write_text(str(os.getpid()))
    signal.pause()


def test_an_interrupt_ends_the_process_too(tmp_path: Path) -> None:
    file = tmp_path / "pid"

    def interrupt(*_: object) -> None:
        if not file.exists() or not file.read_text():
            signal.setitimer(signal.ITIMER_REAL, 0.1)
        else:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            isolated(wait_for, file)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not Path("/proc", file.read_text()).exists()


class Interrupting:
    """Pickled while a process is started; it is Ctrl-C's worst moment."""

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        signal.raise_signal(signal.SIGINT)
        return str, ("pickled",)


def test_a_process_that_is_half_started_is_not_interrupted(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(KeyboardInterrupt):
        isolated(str, Interrupting())
    for process in multiprocessing.active_children():
        process.join(30)
    assert capfd.readouterr().err == ""


def test_it_takes_no_client_of_triton() -> None:
    program = "import sys, export.isolation; print(*sys.modules)"
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, check=True)
    assert not {"grpc", "tritonclient"} & set(done.stdout.decode().split())
