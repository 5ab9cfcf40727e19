"""A ``report.json`` for the model files of a repository, as the exporter writes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from embedded.digest import sha256
from embedded.report import (
    FILE_NAME,
    TOKENIZER,
    Accuracy,
    Parity,
    Report,
    Speed,
    VariantReport,
)


@dataclass(frozen=True)
class Row:
    """What a test says about a model; the rest comes from the model's files, or is empty."""

    device: str = "any"
    cpu_flags: tuple[str, ...] = ()
    windows_per_second: float | None = None
    gpu_windows_per_second: float | None = None
    f1_difference: float | None = None


def write_report(
    repository: Path,
    rows: Mapping[str, Row],
    *,
    cpu: str = "",
    cpu_order: tuple[str, ...] = (),
    gpu: str = "",
    gpu_order: tuple[str, ...] = (),
) -> None:
    """Write a report by which the files of the models in ``rows`` are as they were exported.

    A repository without a tokenizer gets an empty one.
    """
    tokenizer = repository / TOKENIZER
    if not tokenizer.exists():
        tokenizer.write_text("{}")
    report = Report(
        checkpoint="a test's",
        revision=None,
        checkpoint_sha256={},
        tokenizer_sha256=sha256(tokenizer),
        sequence_length=384,
        config={},
        libraries={},
        cpu=cpu,
        cpu_order=cpu_order,
        gpu=gpu,
        gpu_order=gpu_order,
        variants={name: _variant(repository, name, row) for name, row in rows.items()},
    )
    (repository / FILE_NAME).write_text(report.text())


def _variant(repository: Path, name: str, row: Row) -> VariantReport:
    paths = [path for path in sorted((repository / name / "1").rglob("*")) if path.is_file()]
    f1_difference = row.f1_difference
    return VariantReport(
        files={path.relative_to(repository).as_posix(): sha256(path) for path in paths},
        size_bytes=sum(path.stat().st_size for path in paths),
        device=row.device,
        cpu_flags=row.cpu_flags,
        nodes=None,
        operators=None,
        parity=Parity(0, 0, 0, 0, 0),
        computed_by="",
        triton=None,
        accuracy=None if f1_difference is None else Accuracy("", 0, 0, 0, f1_difference),
        speed=_speed(row.windows_per_second),
        gpu_speed=_speed(row.gpu_windows_per_second),
        calibration=None,
        fingerprint="",
        created="",
    )


def _speed(rate: float | None) -> Speed | None:
    return None if rate is None else Speed(rate, rate, rate, 0, 1)
