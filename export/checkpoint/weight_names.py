"""The names that files give to the model's tensors, and their names here."""

import re
from collections.abc import Collection, Iterable, Mapping

from export.checkpoint.config import ElectraConfig

PREFIX = "electra."

_LAYER = re.compile(r"^encoder\.layer\.(\d+)\.")

# before transformers 0.4, and in conversions of TensorFlow's checkpoints
_OLD = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


def shared_prefix(names: Collection[str]) -> str:
    """Return what a wrapper (``module.``, ``model.``) put before all ``names``, or ''.

    ``electra.`` and what comes after it are the model's own.
    """
    prefix = ""
    while True:
        heads = {name.removeprefix(prefix).partition(".")[0] for name in names}
        if len(heads) != 1 or heads <= {"electra", "embeddings", "encoder", "qa_outputs"}:
            return prefix
        if any(name.count(".") == prefix.count(".") for name in names):
            return prefix
        prefix += f"{heads.pop()}."


def model_name(name: str, prefix: str) -> str:
    """Return what ``weights.weight_shapes`` calls the tensor ``name`` of a file."""
    name = name.removeprefix(prefix).removeprefix(PREFIX)
    for old, new in _OLD.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def uncounted(names: Iterable[str], config: ElectraConfig) -> str | None:
    """Say what part of the model ``names`` have that ``config`` has not; None if nothing."""
    layers = {int(found[1]) for found in map(_LAYER.match, names) if found}
    if layers and (found := max(layers) + 1) > config.num_hidden_layers:
        return f"{found} layers, num_hidden_layers is {config.num_hidden_layers}"
    if not config.has_projection and any(name.startswith("embeddings_project.") for name in names):
        return (
            f"a projection of the embeddings, embedding_size is {config.embedding_size} like "
            f"hidden_size"
        )
    return None


def describe(names: Mapping[str, object]) -> str:
    """Say in a few words where ``names``, none of them the model's, come from, and what to do."""
    if any("/" in name for name in names):
        return (
            "its names are TensorFlow's: load it with transformers 4 and TensorFlow "
            "(ElectraForQuestionAnswering.from_pretrained(..., from_tf=True)) and save it for torch"
        )
    if any(".lora_" in name for name in names):
        return (
            "it is an adapter of peft: merge it into its model with merge_and_unload(), and save "
            "that with save_pretrained"
        )
    parts = sorted({name.partition(".")[0] for name in names})
    shown = ", ".join(parts[:5]) + (", ..." if len(parts) > 5 else "")
    return (
        f"it holds {len(names)} tensors of {shown}; save an ElectraForQuestionAnswering with "
        f"save_pretrained, whose tensors are of electra and qa_outputs"
        if names
        else "it holds none at all; save the model again"
    )
