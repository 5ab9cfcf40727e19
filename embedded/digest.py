"""SHA-256 of files and of values."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def sha256(path: Path) -> str:
    """Return the digest of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_all(values: Iterable[str]) -> str:
    """Return the digest of several values, each on a line of its own."""
    return hashlib.sha256("".join(f"{value}\n" for value in values).encode()).hexdigest()
