"""Which Python an environment is made of: one that fits, or one that uv brings.

`make` runs it as a script, by whatever Python is there (hence the old syntax, and the standard
library alone), with the version of uv; it prints the command.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Optional

COMMANDS = ("python3", "python3.12", "python3.11")
BROUGHT = "3.12"
PREFLIGHT = Path(__file__).with_name("preflight.py")
UV = Path("build", "uv")  # an environment that holds uv alone
# its own Pythons only, and no command for them in ~/.local/bin
UV_SETTINGS = {"UV_PYTHON_PREFERENCE": "only-managed", "UV_PYTHON_INSTALL_BIN": "0"}


class NotFoundError(Exception):
    """There is no Python that fits; the message says what to do."""


def find(named: Optional[str], uv_version: str) -> str:
    """Return the command of the Python that is ``named``, or else of the first that fits.

    Where none fits, uv brings one, and a line on stderr says so. Raises NotFoundError where the
    one that is named does not fit, or uv cannot bring one.
    """
    complaints = []
    for command in [named] if named else COMMANDS:
        complaint = problem(command)
        if complaint is None:
            return command
        complaints.append(complaint)
    if named:
        raise NotFoundError(complaints[0])
    print(f"no Python here fits: uv brings Python {BROUGHT}", file=sys.stderr)
    return bring(uv_version) or _fail(complaints[0])


def problem(command: str) -> Optional[str]:
    """Return why the Python ``command`` does not fit; None where it does."""
    done = _run(command, str(PREFLIGHT), "python")
    if done is None:
        return f"error: there is no Python {command}"
    return done.stderr.strip() or f"error: {command} does not run" if done.returncode else None


def bring(uv_version: str) -> Optional[str]:
    """Return a Python of uv's own, which has the libpython that Triton's stub needs.

    It is the uv on PATH, or else one from the package index. None where there is no uv, or it
    cannot download a Python.
    """
    uv = shutil.which("uv") or _install(uv_version)
    if uv is None or _output(uv, "python", "install", BROUGHT) is None:
        return None
    found = _output(uv, "python", "find", "--no-project", "--system", BROUGHT)
    return found if found and problem(found) is None else None


def _install(version: str) -> Optional[str]:
    _run(sys.executable, "-m", "venv", str(UV))
    pip = (str(UV / "bin" / "pip"), "install", "-q", "--disable-pip-version-check")
    return None if _output(*pip, f"uv=={version}") is None else str(UV / "bin" / "uv")


def _output(*command: str) -> Optional[str]:
    """Return what a command prints; None where it fails."""
    done = _run(*command)
    return done.stdout.strip() if done and done.returncode == 0 else None


def _run(*command: str) -> "Optional[subprocess.CompletedProcess[str]]":
    """Run a command; return None where there is no such."""
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


def _fail(message: str) -> str:
    raise NotFoundError(message)


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
