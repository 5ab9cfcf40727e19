"""A function called in its own process: its memory is freed, and a crash is only an error.

The converters and runtimes keep hundreds of megabytes, write to stderr as they please, and can
crash in native code. What the function prints is shown only when its process dies.
"""

import multiprocessing
import os
import signal
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from embedded.process import die_with_parent
from export.checkpoint.errors import CheckpointError
from export.errors import ExportError
from export.signals import held_back

Result = TypeVar("Result")
Progress = Callable[[int, int], None]  # what is done, of how much

_LINES_SHOWN = 5


def isolated(
    function: Callable[..., Result], *arguments: object, progress: Progress | None = None
) -> Result:
    """Return ``function(*arguments)``, computed in a new process.

    The function, its arguments and its result must pickle. With ``progress``, the function gets a
    keyword argument of that name; its calls arrive at ``progress`` here. Raises CheckpointError,
    ExportError and OSError as the function raises them, and ExportError for any other exception,
    or when the process ends without a result.
    """
    # the converters iterate over sets of names: with the same hashes they give the same files
    os.environ.setdefault("PYTHONHASHSEED", "0")  # for the new process
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that threads hold
    ours, theirs = context.Pipe()
    with tempfile.NamedTemporaryFile() as log, ours:
        process = context.Process(
            target=_work,
            args=(theirs, log.name, function, arguments, progress is not None),
            daemon=True,
        )
        try:
            # a signal during the start would end in a traceback of the new process
            with held_back(signal.SIGINT, signal.SIGTERM):
                process.start()
            theirs.close()
            kind, value = _receive(ours, progress)
            process.join()
        finally:
            if process.pid is not None:  # it was started
                process.kill()
                process.join()
        if kind == "result":
            return value  # type: ignore[no-any-return]
        if kind == "error":
            raise value
        if kind == "defect":
            said, trace = value
            raise ExportError(f"{function.__name__} failed: {said}") from RuntimeError(trace)
        raise ExportError(_ending(function.__name__, process.exitcode, Path(log.name)))


def _receive(connection: Connection, progress: Progress | None) -> tuple[str, Any]:
    """Return the last message; ("end", None) when the process ended without one."""
    while True:
        try:
            kind, value = connection.recv()
        except EOFError:
            return "end", None
        if kind != "progress":
            return kind, value
        if progress is not None:
            progress(*value)


def _work(
    connection: Connection,
    log: str,
    function: Callable[..., object],
    arguments: tuple[object, ...],
    reports: bool,
) -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C: the parent ends us
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    options = {"progress": lambda *done: connection.send(("progress", done))} if reports else {}
    message: tuple[str, object]
    try:
        message = ("result", function(*arguments, **options))
    except (CheckpointError, ExportError, OSError) as error:
        message = ("error", error)
    except Exception as error:  # libraries raise classes of their own
        said = " ".join(f"{type(error).__name__}: {error}".split())
        message = ("defect", (said, traceback.format_exc()))
    connection.send(message)
    connection.close()
    os._exit(0)  # the runtimes' own cleanup is slow, and may crash


def _ending(work: str, code: int | None, log: Path) -> str:
    if code is not None and code < 0:
        ended = f"was ended by {signal.Signals(-code).name}"
        if -code == signal.SIGKILL:
            ended += ", which happens when memory runs out: free some, or export fewer variants"
    else:
        ended = f"ended with exit code {code}"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    last = " | ".join(lines[-_LINES_SHOWN:])
    return f"the process of {work} {ended}" + (f"; its last output: {last}" if last else "")
