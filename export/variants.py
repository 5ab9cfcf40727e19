"""The table of variants: what is exported, from which names, configs, report and tests come."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from export.errors import ExportError

CONFIG = "config.pbtxt"
MODEL_VERSION = "1"  # Triton's: the folder that holds the model file

Format = Literal["savedmodel", "onnx"]
Device = Literal["any", "cpu"]


@dataclass(frozen=True)
class Variant:
    """One way to compute the model."""

    format: Format
    precision: str
    backend: str  # Triton's backend
    platform: str  # Triton's platform; "" where the backend alone says it
    file_name: str  # what the backend looks for in the folder of the version
    device: Device  # where it runs
    tolerance: float | None  # largest logit difference to the reference; None: judged by answers

    @property
    def name(self) -> str:
        """What ``--variants`` calls it."""
        return f"{self.format}_{self.precision}"

    @property
    def model_name(self) -> str:
        """Triton's model name, and its folder in the model repository."""
        return f"electra_qa_{self.name}"

    @property
    def file(self) -> str:
        """The path of the model file or folder in the model repository."""
        return str(PurePosixPath(self.model_name, MODEL_VERSION, self.file_name))


VARIANTS = (
    Variant(
        format="savedmodel",
        precision="fp32",
        backend="tensorflow",
        platform="tensorflow_savedmodel",
        file_name="model.savedmodel",
        device="any",
        tolerance=1e-4,
    ),
    Variant(
        format="onnx",
        precision="fp32",
        backend="onnxruntime",
        platform="",
        file_name="model.onnx",
        device="any",
        tolerance=1e-4,
    ),
    Variant(
        format="onnx",
        precision="int8",
        backend="onnxruntime",
        platform="",
        file_name="model.onnx",
        device="cpu",
        tolerance=None,
    ),
)


def select_variants(names: str) -> tuple[Variant, ...]:
    """Return the variants that ``names`` lists, separated by spaces or commas; all for none.

    Raises ExportError when a name is not in the table.
    """
    known = {variant.name: variant for variant in VARIANTS}
    wanted = names.replace(",", " ").split()
    if unknown := [name for name in wanted if name not in known]:
        raise ExportError(f"unknown variant {', '.join(unknown)}; known are {', '.join(known)}")
    return tuple(variant for name, variant in known.items() if not wanted or name in wanted)
