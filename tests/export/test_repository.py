"""Staging and commit: all or nothing, whatever comes between."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from export.errors import ExportError
from export.repository import commit, staging
from tests.export.conftest import snapshot

OLD = {"a/1/model": "old a", "a/config": "old", "b/1/model": "old b", "report.json": "old"}
NEW = {"a/1/model": "new a", "c/1/model": "new c", "c/config": "new", "report.json": "new"}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def files(folder: Path) -> dict[str, str]:
    return {name: text.decode() for name, text in snapshot(folder).items() if text is not None}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(tmp_path / "repository", OLD)
    return tmp_path / "repository"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    write(tmp_path / "made", NEW)
    return tmp_path / "made"


def test_commit(repository: Path, made: Path) -> None:
    commit(made, repository, [Path("b/1"), Path("absent/1")], made.parent / "replaced")
    assert files(repository) == {**NEW, "a/config": "old"}
    assert (repository / "b").is_dir()


def test_commit_into_nothing(tmp_path: Path, made: Path) -> None:
    commit(made, tmp_path / "new", [], tmp_path / "replaced")
    assert files(tmp_path / "new") == NEW


@pytest.mark.parametrize("moves", range(7))
def test_failure_in_the_commit_undoes_it(
    repository: Path, made: Path, moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fail at each of the renames in turn: three out of the repository, four into it."""
    before, done = snapshot(repository), 0
    rename = Path.rename

    def fails_once(source: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done == moves + 1:
            raise OSError(28, "No space left on device")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", fails_once)
    with pytest.raises(OSError, match="No space left"):
        commit(made, repository, [Path("b/1")], made.parent / "replaced")
    assert snapshot(repository) == before
    assert files(made) == NEW


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_wait_for_the_commit(
    repository: Path, made: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    rename = Path.rename

    def rename_and_signal(source: Path, target: Path) -> Path:
        os.kill(os.getpid(), number)
        return rename(source, target)

    with ExitStack() as stack:
        stack.callback(signal.signal, number, signal.signal(number, interrupt))
        monkeypatch.setattr(Path, "rename", rename_and_signal)
        with pytest.raises(KeyboardInterrupt):
            commit(made, repository, [Path("b/1")], made.parent / "replaced")
    assert files(repository) == {**NEW, "a/config": "old"}


def test_staging_is_beside_and_removed(repository: Path) -> None:
    with staging(repository) as folder:
        assert folder.parent == repository.parent
        write(folder, NEW)
    assert not folder.exists()


def test_staging_is_removed_when_interrupted(repository: Path) -> None:
    stack = ExitStack()
    folder = stack.enter_context(staging(repository))
    write(folder, NEW)
    assert not stack.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert not folder.exists()


def test_one_export_at_a_time(repository: Path) -> None:
    with (
        staging(repository) as folder,
        pytest.raises(ExportError, match="another export is at work"),
        staging(repository),
    ):
        pass
    assert not folder.exists()


def test_what_a_killed_export_left_is_removed(repository: Path) -> None:
    with staging(repository) as folder:
        pass
    write(folder, NEW)
    with staging(repository) as folder:
        assert list(folder.iterdir()) == []
