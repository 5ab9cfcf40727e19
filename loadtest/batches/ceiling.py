"""The peak of the device in a variant's precision: measured, and from the datasheet."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from loadtest import child
from loadtest.errors import LoadTestError
from loadtest.result import Device, Peak

DATASHEETS = Path(__file__).with_name("datasheets.toml")
PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "int8")
SECONDS = 120


@dataclass(frozen=True)
class Datasheet:
    """The dense peaks of a GPU in TFLOP/s (int8: TOP/s) by precision, and their source."""

    name: str  # a regular expression for the name that NVML gives
    source: str
    peaks: dict[str, float]


def precision_of(variant: str) -> str:
    """Return the precision in a variant's name; raises LoadTestError if there is none."""
    found = [part for part in variant.split("_") if part in PRECISIONS]
    if len(found) != 1:
        raise LoadTestError(
            f"the name of variant {variant!r} lacks a precision, one of {', '.join(PRECISIONS)}"
        )
    return found[0]


def find_datasheet(device: Device) -> Datasheet | None:
    """Return the datasheet of ``device``; None for an unknown device or a part of a GPU."""
    if device.kind == "cpu" or " MIG " in device.name:
        return None
    sheets = (Datasheet(**each) for each in tomllib.loads(DATASHEETS.read_text())["gpus"])
    return next((sheet for sheet in sheets if re.search(sheet.name, device.name)), None)


def find_peak(variant: str, device: Device) -> tuple[Peak, str | None]:
    """Measure the peak of ``device`` in the precision of ``variant``.

    Returns the peak, and the reason where it could not be measured.
    """
    precision = precision_of(variant)
    if precision == "tf32" and device.kind == "cpu":
        precision = "fp32"  # the same graph; a CPU has no TF32
    name = f"openvino_{precision}" if variant.startswith("openvino") else precision
    measured, reason = _measure(name, device.kind)
    sheet = find_datasheet(device)
    return Peak(name, measured, sheet.peaks.get(precision) if sheet else None), reason


def _measure(precision: str, kind: str) -> tuple[float | None, str | None]:
    try:
        return float(child.run("loadtest.batches.peak", precision, kind, seconds=SECONDS)), None
    except LoadTestError as error:
        return None, str(error)
