"""The manifest in a repository's ``report.json``: which files `make export` made."""

from pathlib import Path

from embedded.digest import sha256
from embedded.errors import EmbeddedError
from embedded.report import FILE_NAME, TOKENIZER, read_report


def check_files(repository: Path, model: str) -> None:
    """Raise EmbeddedError unless the files of ``model`` are those that were exported.

    The tokenizer and each file in the manifest must be there and unchanged, and the version folders
    must hold no other file. A user may change what lies beside them, such as ``config.pbtxt``.
    """
    report = read_report(repository)
    if report is None:
        raise EmbeddedError(
            f"{repository} was not made by make export: there is no {FILE_NAME}; run make export"
        )
    if model not in report.variants:
        raise EmbeddedError(
            f"there is no model {model!r} in {repository}; known are {', '.join(report.variants)}"
        )
    _check_file(repository / TOKENIZER, report.tokenizer_sha256)
    files = report.variants[model].files
    for path, expected in files.items():
        _check_file(repository / path, expected)
    for file in _version_files(repository / model):
        if file.relative_to(repository).as_posix() not in files:
            raise EmbeddedError(f"{file} was not exported: it is not in {FILE_NAME}; remove it")


def _check_file(path: Path, expected: str) -> None:
    remedy = "restore it, or run make export to make it again"
    try:
        found = sha256(path)
    except FileNotFoundError as error:
        raise EmbeddedError(f"{path} is missing; {remedy}") from error
    except OSError as error:
        raise EmbeddedError(f"{path} cannot be read: {error.strerror}") from error
    if found != expected:
        raise EmbeddedError(
            f"{path} has changed since its export: its sha256 is {found[:12]}..., "
            f"{FILE_NAME} has {expected[:12]}...; {remedy}"
        )


def _version_files(folder: Path) -> list[Path]:
    """Return all files from which Triton could load a version; a linked folder is one of them."""
    versions = [each for each in sorted(folder.iterdir()) if each.name.isdecimal()]
    found = (path for version in versions for path in sorted(version.rglob("*")))
    return [path for path in found if path.is_symlink() or not path.is_dir()]
