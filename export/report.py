"""``report.json`` of a model repository: what was exported from what, and the proof of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from export.parity import Parity

FILE_NAME = "report.json"
TOKENIZER = "tokenizer.json"  # beside it; the gateway makes its windows with it
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class VariantReport:
    """One variant, as it was made."""

    file: str  # path of the model file or folder in the repository: its sha256 and size follow
    size_bytes: int
    sha256: str  # export.digest.sha256
    nodes: int | None  # of an ONNX graph
    fused_attention_nodes: int | None
    parity: Parity
    fingerprint: str  # export.fingerprint.fingerprint
    created: str  # UTC, ISO 8601


@dataclass(frozen=True)
class Report:
    """A whole repository; every variant in it is of one checkpoint and one sequence length."""

    checkpoint: str  # as it was given
    checkpoint_sha256: Mapping[str, str]  # of the files that were read
    tokenizer_sha256: str
    sequence_length: int
    config: Mapping[str, Any]  # export.config.ElectraConfig
    libraries: Mapping[str, str]  # versions
    variants: Mapping[str, VariantReport]  # by Triton's model name

    def same_inputs(self, other: "Report") -> bool:
        """Whether both are of the same checkpoint and sequence length."""
        return (
            self.checkpoint_sha256 == other.checkpoint_sha256
            and self.sequence_length == other.sequence_length
        )

    def text(self) -> str:
        """Return the JSON text of ``report.json``."""
        return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, indent=2) + "\n"


def read_report(repository: Path) -> Report | None:
    """Return the report of ``repository``; None when there is none that this version reads."""
    try:
        values = json.loads((repository / FILE_NAME).read_bytes())
        if values.pop("schema_version") != SCHEMA_VERSION:
            return None
        rows = {name: _row(row) for name, row in values.pop("variants").items()}
        return Report(**values, variants=rows)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _row(values: dict[str, Any]) -> VariantReport:
    return VariantReport(**{**values, "parity": Parity(**values["parity"])})
