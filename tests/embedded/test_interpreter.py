"""The Python that an environment is made of, where those of this machine do not fit."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from embedded import interpreter
from embedded.interpreter import NotFoundError, find, problem
from embedded.preflight import find_libpython, libpython_name, python_version
from tests.conftest import ROOT

pytestmark = pytest.mark.thorough

RELEASES = "https://github.com/astral-sh/python-build-standalone/releases/download"
MACHINE = os.uname().machine
# what a new system's python3 says
TOO_NEW = (
    "error: Python 3.11 or 3.12 is needed, /usr/bin/python3 is 3.13; install one and run "
    "make PYTHON=python3.12"
)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with uv and a Python 3.13, and no package index."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "uv").symlink_to(Path(sys.prefix, "bin", "uv"))
    (folder / "python3").write_text(f"#!/bin/sh\necho '{TOO_NEW}' >&2\nexit 1\n")
    (folder / "python3").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "pythons"))
    monkeypatch.setattr(interpreter, "DOWNLOADED", python_version())
    monkeypatch.chdir(tmp_path)
    return folder


def make_mirror(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror of uv's releases, that holds this machine's Python."""
    version, full = python_version(), ".".join(map(str, sys.version_info[:3]))
    build = f"cpython-{full}+20260101-{MACHINE}-unknown-linux-gnu-install_only.tar.gz"
    (folder / "20260101").mkdir(parents=True)
    with tarfile.open(folder / "20260101" / build, "w:gz", compresslevel=1) as archive:

        def small(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
            unneeded = {"test", "__pycache__", "site-packages"}.intersection(member.name.split("/"))
            return None if unneeded or member.name.endswith(".a") else member

        executable = Path(sys.executable).resolve()
        archive.add(executable, f"python/bin/python{version}")
        archive.add(sysconfig.get_path("stdlib"), f"python/lib/python{version}", filter=small)
        library = Path(find_libpython() or "", libpython_name())
        archive.add(library, f"python/lib/{libpython_name()}")
    known = {
        f"cpython-{full}-linux-{MACHINE}-gnu": {
            **{"name": "cpython", "os": "linux", "libc": "gnu", "prerelease": ""},
            **dict(zip(("major", "minor", "patch"), sys.version_info, strict=False)),
            "arch": {"family": MACHINE, "variant": None},
            "url": f"{RELEASES}/20260101/{build.replace('+', '%2B')}",
            **{"sha256": None, "variant": None, "build": "20260101"},
        }
    }
    (folder / "downloads.json").write_text(json.dumps(known))
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", folder.as_uri())
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(folder / "downloads.json"))


@pytest.mark.usefixtures("path")
@pytest.mark.skipif(not find_libpython(), reason="needs to know where libpython is")
def test_uv_downloads_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_mirror(tmp_path / "mirror", monkeypatch)
    found = find(None, "0")
    assert found.startswith(str(tmp_path / "pythons"))
    assert problem(found) is None
    ask = "import sys, embedded.preflight as p; print(sys.base_prefix, p.find_libpython())"
    said = subprocess.check_output([found, "-c", ask], cwd=ROOT, text=True)
    assert str(tmp_path / "pythons") in said
    said = f"no Python here fits: uv downloads Python {python_version()}\n"
    assert capsys.readouterr().err == said
    subprocess.run([found, "-m", "venv", "--without-pip", "env"], check=True)


@pytest.mark.parametrize("has_uv", [True, False])
def test_it_cannot_be_downloaded(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_uv: bool
) -> None:
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", (tmp_path / "nowhere").as_uri())
    if not has_uv:
        (path / "uv").unlink()
    with pytest.raises(NotFoundError) as error:
        find(None, "0")
    assert str(error.value) == TOO_NEW


def test_the_first_that_fits(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path / "python3.12").symlink_to(sys.executable)
    assert find(None, "0") == "python3.12"
    assert capsys.readouterr().err == ""


def test_one_that_is_named_is_not_replaced(path: Path) -> None:
    (path / "python3.12").symlink_to(sys.executable)
    assert find(sys.executable, "0") == sys.executable
    with pytest.raises(NotFoundError, match=r"python3 is 3\.13; install one"):
        find("python3", "0")
    with pytest.raises(NotFoundError, match="there is no Python /no/python"):
        find("/no/python", "0")


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.13", "3.14"])
def test_any_python_runs_it(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    python = shutil.which(f"python{version}", path=_pythons())
    if python is None:
        pytest.skip(f"needs a Python {version}")
    monkeypatch.setenv("PYTHON", python)
    script = str(ROOT / "embedded" / "interpreter.py")
    done = subprocess.run([python, script, "0"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: Python 3.11 or 3.12 is needed, {python} is {version}; install one and run "
        "make PYTHON=python3.12\n"
    )


def _pythons() -> str:
    folders = sorted(Path.home().glob(".pyenv/versions/*/bin"))
    return ":".join([*map(str, folders), os.environ["PATH"]])


def test_no_python_at_all(path: Path, tmp_path: Path) -> None:
    make = shutil.which("make", path=os.defpath)
    assert make
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "pyproject.toml").touch()
    (path / "python3").unlink()
    done = subprocess.run([make, "setup"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "python3: not found" in done.stderr
