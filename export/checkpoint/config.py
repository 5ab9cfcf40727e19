"""The sizes of an ELECTRA model, as ``config.json`` gives them."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

from export.checkpoint.errors import CheckpointError

FILE_NAME = "config.json"

MODEL_TYPE = "electra"

# the only value of each key that this exporter can compute
_SUPPORTED: Mapping[str, Any] = {
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,  # a decoder has a causal mask
    "add_cross_attention": False,
    "pruned_heads": {},
    "quantization_config": None,
}


@dataclass(frozen=True)
class ElectraConfig:
    """Hugging Face's names and defaults (``ElectraConfig``: ELECTRA-small); sizes in elements."""

    vocab_size: int = 30522
    embedding_size: int = 128  # width of the embeddings, projected when it is not hidden_size
    hidden_size: int = 256
    num_hidden_layers: int = 12
    num_attention_heads: int = 4
    intermediate_size: int = 1024
    max_position_embeddings: int = 512
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


def config_of(path: Path, values: Mapping[str, Any]) -> ElectraConfig:
    """Return the sizes among the ``values`` of the file ``path``.

    Raises CheckpointError when they are of another architecture, or when a size is impossible.
    """
    _check_architecture(path, values)
    sizes: dict[str, Any] = {
        field.name: _size(path, values, field) for field in fields(ElectraConfig)
    }
    config = ElectraConfig(**sizes)
    if config.hidden_size % config.num_attention_heads:
        raise CheckpointError(
            f"{path}: hidden_size {config.hidden_size} is not a multiple of "
            f"num_attention_heads {config.num_attention_heads}"
        )
    return config


def config_notices(values: Mapping[str, Any]) -> list[str]:
    """Return a sentence for what was inferred because ``values`` do not say it."""
    if values.get("model_type") is None:
        return [f"{FILE_NAME} has no model_type; by {architectures(values)} it is {MODEL_TYPE}"]
    return []


def architectures(values: Mapping[str, Any]) -> str:
    """Return the names of the model classes in ``values``, for a message; or ''."""
    names = values.get("architectures")
    return ", ".join(map(str, names)) if isinstance(names, list) else ""


def _check_architecture(path: Path, values: Mapping[str, Any]) -> None:
    found = values.get("model_type")
    if found is None and _names_electra(values):
        found = MODEL_TYPE
    if found != MODEL_TYPE:
        classes = f" ({names})" if (names := architectures(values)) else ""
        raise CheckpointError(
            f"{path}: model_type is {found!r}{classes}; only {MODEL_TYPE!r} can be exported, "
            f"so fine-tune an ELECTRA for question answering instead"
        )
    for key, supported in _SUPPORTED.items():
        if (found := values.get(key, supported)) != supported:
            raise CheckpointError(f"{path}: {key} is {found!r}; only {supported!r} can be exported")


def _names_electra(values: Mapping[str, Any]) -> bool:
    """Whether all model classes in ``values`` are ELECTRA's."""
    names = architectures(values).split(", ")
    return all(name.removeprefix("TF").startswith("Electra") for name in names)


def _size(path: Path, values: Mapping[str, Any], field: Field[Any]) -> Any:
    value = values.get(field.name, field.default)
    kinds = (int, float) if field.type is float else (int,)
    if isinstance(value, bool) or not isinstance(value, kinds) or not value > 0:
        raise CheckpointError(f"{path}: {field.name} is {value!r}; it must be a positive number")
    return value
