"""What ``make train`` wrote of the training that made a checkpoint: its ``training.json``."""

from pathlib import Path

from export.checkpoint.errors import CheckpointError
from export.checkpoint.json_file import read_json

FILE_NAME = "training.json"


def was_quantized(folder: Path) -> bool:
    """Whether the checkpoint in ``folder`` was trained with the rounding of int8.

    A file of that name that is somebody else's says nothing.
    """
    try:
        recipe = read_json(folder / FILE_NAME).get("recipe")
    except (OSError, CheckpointError):
        return False
    return isinstance(recipe, dict) and recipe.get("quantized") is True
