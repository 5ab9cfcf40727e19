"""``python -m embedded.install_backend FOLDER NAME...``: our backends for any other Triton.

Each becomes a folder of its own, ``FOLDER/NAME``, to be put among that Triton's backends, in the
place of a native one of the same name. It holds all of this project's code that it runs; numpy is
the Triton's own, and the runtime (``embedded/backends/requirements.lock``) is installed into its
``packages`` by pip.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from embedded.backends import FOLDER  # no more: an image's build has nothing installed

CODE = (FOLDER.parent, FOLDER.parents[1] / "qa")  # what a backend imports of ours

# Triton's stub imports the file alone, from a working directory and a path that are not ours
ENTRY = '''"""The {name} backend of electra-qa-triton, with its own packages beside it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "packages"))

from embedded.backends.{name}.model import TritonPythonModel  # noqa: E402

__all__ = ["TritonPythonModel"]
'''


def install(folder: Path, name: str) -> None:
    """Write the backend ``name`` into ``folder``; raises ValueError when we have none of it."""
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
