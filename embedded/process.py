"""Child processes: started apart from the terminal, and ended for certain."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

# gRPC's handlers of a fork now and then abort the child, or block the parent, while calls are under
# way. Our children need none, as each runs a program at once. gRPC reads this at its first channel.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)  # loaded now: in a child forked beside other threads, it might block


def start(command: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.Popen[Any]:
    """Start ``command`` with the ``options`` of ``subprocess.Popen``.

    It gets a session of its own: Ctrl-C in a terminal reaches only its parent, which ends it when
    all is done. The kernel ends it with the thread that started it.
    """
    return subprocess.Popen(command, start_new_session=True, preexec_fn=die_with_parent, **options)


def die_with_parent() -> None:
    """Have the kernel send this process SIGTERM when its parent dies."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end(process: subprocess.Popen[Any], seconds: float) -> bool:
    """Wait for ``process``, which was told to end; kill it after ``seconds``.

    Return whether it ended by itself. The rest of its session is killed in either case.
    """
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        kill(process)


def kill(process: subprocess.Popen[Any]) -> None:
    """Kill ``process`` and its children, which would outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its group has its number
    process.wait()
