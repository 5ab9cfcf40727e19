"""The manifest in a repository's ``report.json``: what `make export` made, and how it did.

The exporter writes it (``export/report/schema.py``); of it, this reads what serving needs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded.digest import sha256
from embedded.errors import EmbeddedError

FILE_NAME = "report.json"
TOKENIZER = "tokenizer.json"
SCHEMA_VERSION = 3


@dataclass(frozen=True)
class Model:
    """One exported variant."""

    files: Mapping[str, str]  # path in the repository to sha256
    device: str  # "any", "cpu" or "gpu"
    cpu_flags: tuple[str, ...]  # a CPU needs one of them, if there are any
    windows_per_second: float | None  # on the CPU of the export; None: not measured
    gpu_windows_per_second: float | None  # on the GPU of the export
    f1_difference: float | None  # to FP32, in percent; None: not measured

    def exists(self, repository: Path) -> bool:
        """Whether all of its files are there."""
        return all((repository / path).is_file() for path in self.files)


@dataclass(frozen=True)
class Manifest:
    """All exported variants of a repository."""

    tokenizer_sha256: str
    cpu: str  # of the export, as embedded.cpu describes it
    cpu_order: tuple[str, ...]  # models, fastest first on a CPU that has their flags
    gpu: str  # of the export, as embedded.gpu describes it; "" without one
    gpu_order: tuple[str, ...]  # models, fastest first on a GPU
    models: Mapping[str, Model]  # by Triton's model name


def read_manifest(repository: Path) -> Manifest | None:
    """Return the manifest of ``repository``; None when it has no ``report.json``.

    Raises EmbeddedError when that cannot be read, or was written by another version.
    """
    path = repository / FILE_NAME
    try:
        values = json.loads(path.read_bytes())
        if (schema := values["schema_version"]) != SCHEMA_VERSION:
            raise EmbeddedError(
                f"{path} is of schema {schema}, not {SCHEMA_VERSION}: "
                "another version of this project wrote it; run make export"
            )
        models = {name: _model(row) for name, row in values["variants"].items()}
        return Manifest(
            tokenizer_sha256=values["tokenizer_sha256"],
            cpu=values["cpu"],
            cpu_order=tuple(values["cpu_order"]),
            gpu=values["gpu"],
            gpu_order=tuple(values["gpu_order"]),
            models=models,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EmbeddedError(f"{path} cannot be read ({error!r}); run make export") from error


def _model(row: Mapping[str, Any]) -> Model:
    return Model(
        files=dict(row["files"]),
        device=row["device"],
        cpu_flags=tuple(row["cpu_flags"]),
        windows_per_second=_rate(row["speed"]),
        gpu_windows_per_second=_rate(row["gpu_speed"]),
        f1_difference=row["accuracy"]["f1_difference"] if row["accuracy"] else None,
    )


def _rate(speed: Mapping[str, float] | None) -> float | None:
    return speed["windows_per_second"] if speed else None


def check_files(repository: Path, model: str) -> None:
    """Raise EmbeddedError unless the files of ``model`` are those that were exported.

    Neither the tokenizer nor a file that the manifest lists may be changed or missing, and the
    version folders may hold no other. What lies beside them, such as ``config.pbtxt``, is the
    user's to change.
    """
    manifest = read_manifest(repository)
    if manifest is None:
        raise EmbeddedError(
            f"{repository} was not made by make export: there is no {FILE_NAME}; run make export"
        )
    if model not in manifest.models:
        raise EmbeddedError(
            f"there is no model {model!r} in {repository}; known are {', '.join(manifest.models)}"
        )
    _check_file(repository / TOKENIZER, manifest.tokenizer_sha256)
    files = manifest.models[model].files
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
