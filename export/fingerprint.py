"""What an export is made from: when none of it has changed, there is nothing to make again."""

from collections.abc import Mapping
from pathlib import Path

import qa.tensors
from embedded.digest import sha256, sha256_of_all
from embedded.packages import ONNXRUNTIME, TENSORFLOW, installed
from export.checkpoint.reader import checkpoint_files

_LIBRARIES = (*TENSORFLOW, "tf2onnx", "onnx", *ONNXRUNTIME, "openvino", "nncf")


def checkpoint_digests(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file that an export reads, by name.

    Raises CheckpointError when one is missing.
    """
    return {path.name: sha256(path) for path in checkpoint_files(folder)}


def library_versions() -> dict[str, str]:
    """Return the versions of those libraries that make the models, importing none of them."""
    return installed(*_LIBRARIES)


def fingerprint(digests: Mapping[str, str], sequence_length: int, calibration: Path) -> str:
    """Return one digest of all that the files of a variant depend on.

    That is the checkpoint, the sequence length, the calibration data, our code, the libraries.
    """
    code = [*sorted(Path(__file__).parent.rglob("*.py")), Path(qa.tensors.__file__)]
    return sha256_of_all(
        [
            *(f"{name} {digest}" for name, digest in digests.items()),
            f"sequence length {sequence_length}",
            f"calibration {sha256(calibration)}",
            *(f"{path.name} {sha256(path)}" for path in code),
            *(f"{name} {number}" for name, number in library_versions().items()),
        ]
    )
