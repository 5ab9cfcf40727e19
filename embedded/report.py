"""``report.json`` of a model repository: what was exported from what, and the proof of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embedded.errors import EmbeddedError

FILE_NAME = "report.json"
TOKENIZER = "tokenizer.json"  # beside it; the gateway makes its windows with it
SCHEMA_VERSION = 4


@dataclass(frozen=True)
class Parity:
    """Differences of logits at real tokens, never at padding; and equal answers."""

    windows: int
    largest_logit_difference: float
    mean_logit_difference: float
    answers: int
    equal_answers: int


@dataclass(frozen=True)
class Accuracy:
    """SQuAD's metric on a dataset, in percent."""

    dataset: str  # the file's name
    questions: int
    exact_match: float
    f1: float
    f1_difference: float  # to the FP32 graph on the same questions


@dataclass(frozen=True)
class Speed:
    """The speed of the model alone on windows of SQuAD; the variants took turns."""

    windows_per_second: float  # median over the rounds; rows sorted by length, no padding
    lowest: float  # of the rounds
    highest: float
    batch_1_ms: float  # median of single windows
    rounds: int


@dataclass(frozen=True)
class Calibration:
    """The SQuAD file on which fixed int8 scales were measured."""

    file: str  # its path, as it was given; "" is the project's sample
    sha256: str


@dataclass(frozen=True)
class VariantReport:
    """One variant, as it was made."""

    files: Mapping[str, str]  # the manifest: path in the repository to sha256
    size_bytes: int
    device: str  # "any", "cpu" or "gpu"
    cpu_flags: tuple[str, ...]  # a CPU needs one of them to be worth it; none: any CPU will do
    nodes: int | None  # of an ONNX graph
    operators: Mapping[str, int] | None  # of an ONNX graph: nodes by operator
    parity: Parity
    computed_by: str  # what computed the logits that were compared
    triton: str | None  # version of the tritonserver that loaded it and answered; None: not here
    accuracy: Accuracy | None  # where a dataset was given
    speed: Speed | None  # on the CPU, where it was measured
    gpu_speed: Speed | None  # on the GPU
    calibration: Calibration | None  # of static int8
    fingerprint: str  # export.fingerprint.fingerprints
    created: str  # UTC, ISO 8601

    def exists(self, repository: Path) -> bool:
        """Whether all of its files are there."""
        return all((repository / path).is_file() for path in self.files)


@dataclass(frozen=True)
class Report:
    """A whole repository: all variants have one checkpoint and one sequence length."""

    checkpoint: str  # as it was given
    revision: str | None  # of the Hugging Face hub
    checkpoint_sha256: Mapping[str, str]  # of the files that were read
    tokenizer_sha256: str
    sequence_length: int
    config: Mapping[str, Any]  # export.checkpoint.config.ElectraConfig
    libraries: Mapping[str, str]  # versions
    cpu: str  # name and cores of the machine of the export, as embedded.cpu describes it
    cpu_order: tuple[str, ...]  # model names, fastest first on a CPU that has their flags
    gpu: str  # of the machine of the export, as embedded.gpu describes it; "" without one
    gpu_order: tuple[str, ...]  # model names, fastest first on a GPU
    variants: Mapping[str, VariantReport]  # by Triton's model name
    notices: tuple[str, ...] = ()  # a sentence each: what was assumed, and what was left out

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of its static int8, if it has any."""
        rows = self.variants.values()
        return next((row.calibration for row in rows if row.calibration), None)

    @property
    def cpu_speeds(self) -> dict[str, Speed]:
        """The speeds that were measured on the CPU, by model name."""
        return {name: row.speed for name, row in self.variants.items() if row.speed}

    @property
    def gpu_speeds(self) -> dict[str, Speed]:
        """The speeds that were measured on the GPU, by model name."""
        return {name: row.gpu_speed for name, row in self.variants.items() if row.gpu_speed}

    def text(self) -> str:
        """Return the JSON text of ``report.json``."""
        return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, indent=2) + "\n"


def read_report(repository: Path) -> Report | None:
    """Return the report of ``repository``; None when it has no ``report.json``.

    Raises EmbeddedError when it cannot be read, or another version wrote it.
    """
    path = repository / FILE_NAME
    try:
        values = json.loads(path.read_bytes())
        if (schema := values.pop("schema_version")) != SCHEMA_VERSION:
            raise EmbeddedError(
                f"{path} is of schema {schema}, not {SCHEMA_VERSION}: "
                "another version of this project wrote it; run make export"
            )
        rows = {name: _row(row) for name, row in values.pop("variants").items()}
        for name in ("cpu_order", "gpu_order", "notices"):
            values[name] = tuple(values[name])
        return Report(**values, variants=rows)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EmbeddedError(f"{path} cannot be read ({error!r}); run make export") from error


def _row(values: dict[str, Any]) -> VariantReport:
    parsed = {
        "cpu_flags": tuple(values["cpu_flags"]),
        "parity": Parity(**values["parity"]),
        "accuracy": Accuracy(**values["accuracy"]) if values["accuracy"] else None,
        "calibration": Calibration(**values["calibration"]) if values["calibration"] else None,
        "speed": Speed(**values["speed"]) if values["speed"] else None,
        "gpu_speed": Speed(**values["gpu_speed"]) if values["gpu_speed"] else None,
    }
    return VariantReport(**{**values, **parsed})
