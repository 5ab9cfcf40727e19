"""``python -m embedded.install_backend FOLDER NAME...``: copy our backends for another Triton.

Each becomes a folder ``FOLDER/NAME``. Put it among that Triton's backends, in place of the native
one of the same name. It has all of this project's code that it runs. That Triton has numpy; pip
installs the runtime (``embedded/backends/requirements.lock``) into ``FOLDER/NAME/packages``.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from embedded.backends import FOLDER  # and no more: the build of an image has no packages

CODE = (FOLDER.parent, FOLDER.parents[1] / "qa")  # our packages that a backend imports

# Triton's stub imports this file by itself, with a working directory and sys.path of its own
ENTRY = '''"""The {name} backend of electra-qa-triton, with its own packages beside it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "packages"))

from embedded.backends.{name}.model import TritonPythonModel  # noqa: E402

__all__ = ["TritonPythonModel"]
'''


def install(folder: Path, name: str) -> None:
    """Write the backend ``name`` into ``folder``; raises ValueError when we have no such one."""
    known = sorted(path.parent.name for path in FOLDER.glob("*/model.py"))
    if name not in known:
        raise ValueError(f"there is no backend {name!r}; known are {', '.join(known)}")
    target = folder / name
    for source in CODE:
        shutil.copytree(
            source,
            target / "packages" / source.name,
            ignore=shutil.ignore_patterns("__pycache__", "data"),
            dirs_exist_ok=True,
        )
    (target / "model.py").write_text(ENTRY.format(name=name))


def main(arguments: Sequence[str]) -> int:
    """Install what the command line names; return the exit code."""
    if len(arguments) < 2:
        print("usage: python -m embedded.install_backend FOLDER NAME...", file=sys.stderr)
        return 2
    folder, *names = arguments
    try:
        for name in names:
            install(Path(folder), name)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
