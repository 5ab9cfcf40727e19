"""Which variants of a repository must be exported again; found quickly, without TensorFlow.

A model file that was changed after its export is not replaced here: the server refuses it and
names it (``embedded.manifest``).
"""

from collections.abc import Sequence
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.report import TOKENIZER, Calibration, Report, VariantReport, read_report
from export.checkpoint.reader import checkpoint_exists
from export.fingerprint import checkpoint_digests, fingerprints
from export.variants import CONFIG, Variant


def previous_report(repository: Path) -> Report | None:
    """Return the report of ``repository``; None where everything must be exported again.

    That is so without a report, or when it cannot be read, or another version of this project
    wrote it.
    """
    try:
        return read_report(repository)
    except EmbeddedError:
        return None


def outdated(
    report: Report,
    repository: Path,
    checkpoint: Path,
    variants: Sequence[Variant],
    length: int,
    calibration: Calibration,
) -> tuple[Variant, ...]:
    """Return those of ``variants`` that are missing or that an export would make differently.

    A checkpoint that no longer exists counts as unchanged. Raises CheckpointError when one of
    its files is missing.
    """
    digests = (
        checkpoint_digests(checkpoint)
        if checkpoint_exists(checkpoint)
        else report.checkpoint_sha256
    )
    if not (repository / TOKENIZER).is_file():
        return tuple(variants)
    current = fingerprints(variants, digests, length, calibration)
    return tuple(
        variant
        for variant in variants
        if (row := report.variants.get(variant.model_name)) is None
        or row.fingerprint != current[variant]
        or not _exists(repository, variant, row)
    )


def _exists(repository: Path, variant: Variant, row: VariantReport) -> bool:
    config = repository / variant.model_name / CONFIG
    return config.is_file() and row.exists(repository)
