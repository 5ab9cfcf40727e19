"""The model repository as a whole: it changes in one step, or not at all.

Everything is made in a staging folder beside it, on the same file system, and then renamed
into it. The staging folder is locked while an export runs; files that are in it when we get the
lock are left over from an export that was killed.
"""

import fcntl
import os
import shutil
import signal
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from embedded.report import FILE_NAME as REPORT
from export.errors import ExportError
from export.signals import held_back

PAGE = "report.html"  # the report for people, with plots
_HELD_BACK = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def staging(repository: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``repository``; it is removed at the end.

    Raises ExportError while another export works on the repository.
    """
    folder = repository.parent / f".{repository.name}.staging"
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        _lock(lock, folder)
        _empty(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # the next export removes what is left
    finally:
        os.close(lock)


def _lock(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), folder.stat()):
            return
    except (BlockingIOError, FileNotFoundError):
        pass  # the other one still runs, or removed the folder between our open and our lock
    raise ExportError(f"another export is at work in {folder}; wait for it to end")


def _empty(folder: Path) -> None:
    for leftover in folder.iterdir():
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def commit(made: Path, repository: Path, removed: Iterable[Path], replaced: Path) -> None:
    """Move everything in ``made`` to the same place in ``repository``.

    What was there, and the paths ``removed`` (relative to the repository), go to the folder
    ``replaced``. If a move fails, all of them are undone; signals wait until the end. A kill in
    between leaves a repository without a report: the next export makes everything again.
    """
    units = list(_units(made))
    going = [Path(REPORT), *removed, *(unit for unit in units if unit.name != REPORT)]
    with held_back(*_HELD_BACK), ExitStack() as undo:
        for path in going:
            if (repository / path).exists():
                _move(repository / path, replaced / path, undo)
        for path in sorted(units, key=lambda unit: unit.name == REPORT):
            _move(made / path, repository / path, undo)
        undo.pop_all()


def _units(made: Path) -> Iterator[Path]:
    """Yield what is moved as a whole: files of the repository, and entries of model folders."""
    for entry in sorted(made.iterdir()):
        yield from (
            each.relative_to(made) for each in (entry.iterdir() if entry.is_dir() else [entry])
        )


def _move(source: Path, target: Path, undo: ExitStack) -> None:
    _make_folder(target.parent, undo)
    source.rename(target)
    undo.callback(target.rename, source)


def _make_folder(folder: Path, undo: ExitStack) -> None:
    if not folder.exists():
        _make_folder(folder.parent, undo)
        folder.mkdir()
        undo.callback(folder.rmdir)
