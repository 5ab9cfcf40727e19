"""The JSON files beside a model."""

import json
from pathlib import Path
from typing import Any

from export.checkpoint.errors import CheckpointError


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that ``path`` holds; raise CheckpointError when it holds anything else."""
    try:
        values = json.loads(path.read_bytes())
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds {type(values).__name__}, not a JSON object")
    return values
