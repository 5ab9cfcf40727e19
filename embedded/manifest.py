"""The manifest in a repository's ``report.json``: which files `make export` made."""

from pathlib import Path

from embedded.digest import sha256
from embedded.errors import EmbeddedError
from embedded.report import FILE_NAME, TOKENIZER, read_report


def check_files(repository: Path, model: str) -> None:
    """Raise EmbeddedError unless the files of ``model`` are those that were exported.

    Neither the tokenizer nor a file that the manifest lists may be changed or missing, and the
    version folders may hold no other. What lies beside them, such as ``config.pbtxt``, is the
    user's to change.
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
            raise EmbeddedError(f"{file} is not of the export: {FILE_NAME} lacks it; remove it")


def _check_file(path: Path, expected: str) -> None:
    remedy = "restore it, or run make export, which makes it anew"
    try:
        found = sha256(path)
    except FileNotFoundError as error:
        raise EmbeddedError(f"{path} is missing; {remedy}") from error
    except OSError as error:
        raise EmbeddedError(f"{path} cannot be read: {error.strerror}") from error
    if found != expected:
        raise EmbeddedError(
            f"{path} was changed since its export: its sha256 is {found[:12]}..., "
            f"{FILE_NAME} has {expected[:12]}...; {remedy}"
        )


def _version_files(folder: Path) -> list[Path]:
    """Return all that Triton could load a version of a model from; a linked folder is a file."""
    versions = [each for each in sorted(folder.iterdir()) if each.name.isdecimal()]
    found = (path for version in versions for path in sorted(version.rglob("*")))
    return [path for path in found if path.is_symlink() or not path.is_dir()]
