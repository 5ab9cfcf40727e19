"""Which variants of a repository have to be made again; quick, and without TensorFlow."""

from collections.abc import Iterable
from pathlib import Path

from export.checkpoint import checkpoint_exists
from export.digest import sha256, size
from export.fingerprint import checkpoint_digests, fingerprint
from export.report import TOKENIZER, Report, VariantReport
from export.variants import CONFIG, Variant


def outdated(
    report: Report, repository: Path, checkpoint: Path, variants: Iterable[Variant], length: int
) -> tuple[Variant, ...]:
    """Return those of ``variants`` that an export of ``checkpoint`` would make otherwise.

    A checkpoint that is no longer there is taken to be what it was. Raises ExportError when
    one of its files is missing.
    """
    digests = (
        checkpoint_digests(checkpoint)
        if checkpoint_exists(checkpoint)
        else report.checkpoint_sha256
    )
    current = fingerprint(digests, length)
    tokenizer = repository / TOKENIZER
    if not tokenizer.is_file() or sha256(tokenizer) != report.tokenizer_sha256:
        return tuple(variants)
    return tuple(
        variant
        for variant in variants
        if (row := report.variants.get(variant.model_name)) is None
        or row.fingerprint != current
        or not _is_intact(repository, variant, row)
    )


def _is_intact(repository: Path, variant: Variant, row: VariantReport) -> bool:
    file = repository / variant.file
    return (
        file.exists()
        and (repository / variant.model_name / CONFIG).is_file()
        and size(file) == row.size_bytes
        and sha256(file) == row.sha256
    )
