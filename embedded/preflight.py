"""Checks what this machine and this Python must have, before anything is downloaded.

`make setup` runs this as a script, with whatever Python is there: hence the old syntax, and only
the standard library. Its arguments name what to check, ``machine`` or ``python``; none: both.
"""

import ctypes
import platform
import sys
import sysconfig
from pathlib import Path
from typing import List, Optional

PYTHONS = ((3, 11), (3, 12))  # numpy 1.26, which Triton's stub needs, has no build for 3.13
MACHINES = ("x86_64", "aarch64")
GLIBC = (2, 35)  # tritonserver's binary is built against it


def find_libpython() -> Optional[str]:
    """Return the folder of the libpython that Triton's stub loads; "" if the loader finds it.

    None when there is none: Debian's and Ubuntu's Pythons come without it; those of pyenv, conda
    and uv have it.
    """
    roots = [sysconfig.get_config_var("LIBDIR") or "", str(Path(sys.base_prefix, "lib"))]
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    for root in roots:
        for folder in (Path(root), Path(root, multiarch)):
            if root and (folder / libpython_name()).is_file():
                return str(folder)
    try:
        ctypes.CDLL(libpython_name())
    except OSError:
        return None
    return ""


def libpython_name() -> str:
    """Return the file name of this interpreter's shared library."""
    return f"libpython{python_version()}.so.1.0"


def python_version() -> str:
    """Return this interpreter's version as ``major.minor``."""
    return ".".join(str(part) for part in sys.version_info[:2])


def machine_problems() -> List[str]:
    """Return what is wrong with this machine, a line each, with what to do."""
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return [
            f"the embedded Triton needs Linux on {' or '.join(MACHINES)}; "
            f"this is {platform.system()} on {platform.machine()}"
        ]
    libc, version = platform.libc_ver()
    if libc != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < GLIBC:
        return [
            f"glibc 2.35 or newer is needed, this is {libc or 'another libc'} {version}; "
            "use Debian 12, Ubuntu 22.04 or newer"
        ]
    return []


def python_problems() -> List[str]:
    """Return what is wrong with this Python, a line each, with what to do."""
    if sys.version_info[:2] not in PYTHONS:
        return [
            f"Python 3.11 or 3.12 is needed, {sys.executable} is {python_version()}; "
            "install one and run make PYTHON=python3.12"
        ]
    found = []
    if sys.platform == "linux" and find_libpython() is None:
        found.append(
            f"Triton's Python stub needs {libpython_name()}, which is missing; "
            f"apt-get install libpython{python_version()}"
        )
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        found.append(
            f"this Python cannot make environments; apt-get install python{python_version()}-venv"
        )
    return found


CHECKS = {"machine": machine_problems, "python": python_problems}


def main() -> int:
    """Check what the arguments name and print the problems; return the exit code."""
    found = [line for name in sys.argv[1:] or CHECKS for line in CHECKS[name]()]
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
