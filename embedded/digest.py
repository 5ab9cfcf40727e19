"""SHA-256 of files and folders."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def sha256(path: Path) -> str:
    r"""Return the digest of a file, or of a folder's files, in hexadecimal.

    A folder's is that of the text ``sha256sum`` prints for its files in the order of their
    paths: ``find . -type f -printf '%P\n' | LC_ALL=C sort | xargs sha256sum | sha256sum``.
    """
    if path.is_dir():
        files = {each.relative_to(path).as_posix(): each for each in path.rglob("*")}
        lines = (
            f"{sha256(file)}  {name}\n" for name, file in sorted(files.items()) if file.is_file()
        )
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_all(values: Iterable[str]) -> str:
    """Return the digest of several values, each on a line of its own."""
    return hashlib.sha256("".join(f"{value}\n" for value in values).encode()).hexdigest()


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    return path.stat().st_size
