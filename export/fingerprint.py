"""The fingerprint of an export's inputs: only when it has changed is the export repeated."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from embedded.digest import sha256, sha256_of_all
from embedded.packages import ONNXRUNTIME, TENSORFLOW, installed
from embedded.report import Calibration
from export.checkpoint.reader import checkpoint_files
from export.variants import Variant

ROOT = Path(__file__).parents[1]

#: Our code that makes the models, as patterns below ``ROOT``; not what checks or shows them.
CODE = (
    "export/checkpoint/*.py",
    "export/graphs/*.py",
    "export/errors.py",
    "export/isolation.py",  # sets the hash seed, which fixes the order in what converters write
    "export/signals.py",  # isolation.py imports it
    "export/tensorflow.py",
    "export/triton_config.py",
    "export/variants.py",
    "qa/tensors.py",
    # these read the questions of the calibration and cut them into windows
    "export/windows.py",
    "qa/characters.py",
    "qa/squad.py",
    "qa/tokenizer.py",
    "qa/windows.py",
)

_LIBRARIES = (*TENSORFLOW, "tf2onnx", "onnx", *ONNXRUNTIME, "openvino", "nncf", "tokenizers")


def code_files() -> list[Path]:
    """Return the files of ``CODE``, sorted."""
    return sorted(path for pattern in CODE for path in ROOT.glob(pattern))


def checkpoint_digests(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file that an export reads, by name.

    Raises CheckpointError when one is missing.
    """
    return {path.name: sha256(path) for path in checkpoint_files(folder)}


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that make the models, without importing them."""
    return installed(*_LIBRARIES)


def fingerprints(
    variants: Iterable[Variant],
    digests: Mapping[str, str],
    sequence_length: int,
    calibration: Calibration,
) -> dict[Variant, str]:
    """Return, for each of ``variants``, one digest of all that its files depend on.

    That is the checkpoint, the sequence length, our code, the libraries, and the calibration data
    where the variant has any.
    """
    common = [
        *(f"{name} {digest}" for name, digest in digests.items()),
        f"sequence length {sequence_length}",
        *(f"{path.relative_to(ROOT)} {sha256(path)}" for path in code_files()),
        *(f"{name} {number}" for name, number in library_versions().items()),
    ]
    plain = sha256_of_all(common)
    calibrated = sha256_of_all([*common, f"calibration {calibration.sha256}"])
    return {each: calibrated if each.calibrated else plain for each in variants}
