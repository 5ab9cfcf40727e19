"""Finds the Python for an environment: one that fits, or one that uv downloads.

`make` runs this as a script, with whatever Python is there: hence the old syntax, and only the
standard library. Its argument is the version of uv; it prints the command of the Python.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Optional

COMMANDS = ("python3", "python3.12", "python3.11")
DOWNLOADED = "3.12"
PREFLIGHT = Path(__file__).with_name("preflight.py")
UV = Path("build", "uv")  # an environment that holds uv alone
# use uv's own Pythons only, and put no command into ~/.local/bin
UV_SETTINGS = {"UV_PYTHON_PREFERENCE": "only-managed", "UV_PYTHON_INSTALL_BIN": "0"}


class NotFoundError(Exception):
    """There is no Python that fits; the message says what to do."""


def find(named: Optional[str], uv_version: str) -> str:
    """Return the command ``named``, or without one, the first of ``COMMANDS`` that fits.

    If none fits, uv downloads a Python, and a line on stderr says so. Raises NotFoundError when
    ``named`` does not fit, or uv cannot download one.
    """
    complaints = []
    for command in [named] if named else COMMANDS:
        complaint = problem(command)
        if complaint is None:
            return command
        complaints.append(complaint)
    if not named:
        print(f"no Python here fits: uv downloads Python {DOWNLOADED}", file=sys.stderr)
        downloaded = download(uv_version)
        if downloaded:
            return downloaded
    raise NotFoundError(complaints[0])


def problem(command: str) -> Optional[str]:
    """Return why the Python ``command`` does not fit; None if it does."""
    done = _run(command, str(PREFLIGHT), "python")
    if done is None:
        return f"error: there is no Python {command}"
    if done.returncode == 0:
        return None
    return done.stderr.strip() or f"error: {command} does not run"


def download(uv_version: str) -> Optional[str]:
    """Return the command of a Python that uv downloads, with the libpython of Triton's stub.

    uv is the one on PATH, or else comes from the package index. None if either cannot be had.
    """
    uv = shutil.which("uv") or _install(uv_version)
    if uv is None or _output(uv, "python", "install", DOWNLOADED) is None:
        return None
    found = _output(uv, "python", "find", "--no-project", "--system", DOWNLOADED)
    return found if found and problem(found) is None else None


def _install(version: str) -> Optional[str]:
    _run(sys.executable, "-m", "venv", str(UV))
    pip = (str(UV / "bin" / "pip"), "install", "-q", "--disable-pip-version-check")
    return None if _output(*pip, f"uv=={version}") is None else str(UV / "bin" / "uv")


def _output(*command: str) -> Optional[str]:
    """Return what a command prints; None if it fails."""
    done = _run(*command)
    return done.stdout.strip() if done and done.returncode == 0 else None


def _run(*command: str) -> "Optional[subprocess.CompletedProcess[str]]":
    """Run a command; return None if there is no such command."""
    try:
        return subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            env={**os.environ, **UV_SETTINGS},
        )
    except OSError:
        return None


def main() -> int:
    """Print the command, or on stderr why there is none; return the exit code."""
    try:
        print(find(os.environ.get("PYTHON"), sys.argv[1]))
    except NotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
