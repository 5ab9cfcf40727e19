"""How many floating-point operations a window needs, from the shape of the model."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.errors import LoadTestError

LOGITS = 2  # per token: start and end


@dataclass(frozen=True)
class ModelShape:
    """The sizes of an ELECTRA encoder."""

    layers: int
    hidden: int
    intermediate: int
    embedding: int


def window_flop(shape: ModelShape, tokens: int) -> int:
    """Return the operations of one window of ``tokens`` real tokens; padding counts none.

    A multiplication and an addition are two operations. Only matrix products count, as in the
    appendix of Narayanan et al. 2021, "Efficient Large-Scale Language Model Training on GPU
    Clusters Using Megatron-LM". A layer has 8 n h^2 (query, key, value and output) + 4 n^2 h
    (scores, and their product with the values) + 4 n h i (feed-forward); for i = 4 h, that is the
    appendix's 24 n h^2 + 4 n^2 h. Outside the layers there are the logits, 4 n h, and, where
    embeddings have another size e, their projection, 2 n e h.
    """
    n, h = tokens, shape.hidden
    layer = 8 * n * h * h + 4 * n * n * h + 4 * n * h * shape.intermediate
    projection = 2 * n * shape.embedding * h if shape.embedding != h else 0
    return shape.layers * layer + projection + 2 * LOGITS * n * h


def windows_flop(shape: ModelShape, lengths: Iterable[int]) -> int:
    """Return the operations of windows with these numbers of real tokens."""
    return sum(window_flop(shape, length) for length in lengths)


def read_shape(config: Mapping[str, Any], source: Path) -> ModelShape:
    """Return the shape in ``config``, a ``config.json`` of Hugging Face's layout at ``source``.

    Raises LoadTestError when it lacks a size.
    """
    try:
        return ModelShape(
            layers=int(config["num_hidden_layers"]),
            hidden=int(config["hidden_size"]),
            intermediate=int(config["intermediate_size"]),
            embedding=int(config.get("embedding_size", config["hidden_size"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LoadTestError(
            f"{source} does not describe an ELECTRA model: {type(error).__name__}: {error}"
        ) from error


def read_config(path: Path) -> ModelShape:
    """Read the ``config.json`` of a checkpoint; raises LoadTestError when it cannot be read."""
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise LoadTestError(f"{path} cannot be read as a model's config: {error}") from error
    return read_shape(config, path)
