"""The sizes of an ELECTRA model, as ``config.json`` gives them."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any

from export.errors import ExportError

FILE_NAME = "config.json"

# what this exporter computes, and the only value of each key that means it
_SUPPORTED = {
    "model_type": "electra",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
}


@dataclass(frozen=True)
class ElectraConfig:
    """Hugging Face's names and defaults (``ElectraConfig``); sizes in elements."""

    vocab_size: int
    embedding_size: int  # width of the embeddings, projected when it is not hidden_size
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12

    @property
    def has_projection(self) -> bool:
        """Whether a dense layer takes the embeddings to the hidden size."""
        return self.embedding_size != self.hidden_size

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads


def read_config(path: Path) -> ElectraConfig:
    """Read a ``config.json``.

    Raises ExportError when it is not JSON, is of another architecture, or has a size that is
    missing or makes no model.
    """
    try:
        values = json.loads(path.read_bytes())
    except ValueError as error:
        raise ExportError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise ExportError(f"{path} holds {type(values).__name__}, not a JSON object")
    _check_architecture(path, values)
    sizes: dict[str, Any] = {
        field.name: _size(path, values, field) for field in fields(ElectraConfig)
    }
    config = ElectraConfig(**sizes)
    if config.hidden_size % config.num_attention_heads:
        raise ExportError(
            f"{path}: hidden_size {config.hidden_size} is not a multiple of "
            f"num_attention_heads {config.num_attention_heads}"
        )
    return config


def _check_architecture(path: Path, values: Mapping[str, Any]) -> None:
    for key, supported in _SUPPORTED.items():
        found = values.get(key, supported if key != "model_type" else None)
        if found != supported:
            raise ExportError(f"{path}: {key} is {found!r}; only {supported!r} can be exported")


def _size(path: Path, values: Mapping[str, Any], field: Field[Any]) -> Any:
    value = values.get(field.name, field.default)
    if value is MISSING:
        raise ExportError(f"{path} has no {field.name}")
    kinds = (int, float) if field.type is float else (int,)
    if isinstance(value, bool) or not isinstance(value, kinds) or not value > 0:
        raise ExportError(f"{path}: {field.name} is {value!r}; it must be a positive number")
    return value
