"""The SQuAD file on which the fixed scales of static int8 are measured."""

from collections.abc import Iterable
from pathlib import Path

from embedded.digest import sha256
from embedded.report import Calibration
from export.errors import ExportError
from export.variants import Variant

SAMPLE = Path(__file__).parent / "data" / "squad-train-sample.json"  # of the training set


def calibration_on(file: Path) -> Calibration:
    """Return what the report records of ``file``."""
    return Calibration("" if file == SAMPLE else str(file), sha256(file))


def current(recorded: Calibration | None) -> Calibration:
    """Return ``recorded`` with the digest that its file has now, or that of the sample.

    A file that no longer exists counts as unchanged.
    """
    if recorded is None or not recorded.file:
        return calibration_on(SAMPLE)
    file = Path(recorded.file)
    return calibration_on(file) if file.is_file() else recorded


def file_for(variants: Iterable[Variant], calibration: Calibration) -> Path:
    """Return the file to export ``variants`` with.

    Raises ExportError when one of them needs the file, and it no longer exists.
    """
    file = Path(calibration.file or SAMPLE)
    if file.is_file():
        return file
    calibrated = [each.name for each in variants if each.calibrated]
    if calibrated:
        raise ExportError(
            f"{', '.join(calibrated)} has to be made again, but {file}, on which its int8 scales "
            "were measured, does not exist; give a SQuAD file: make export CALIBRATION=file"
        )
    return SAMPLE
