"""The result of a training: its recipe, its time, and its scores."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from qa.metric import Scores
from training.history import TRAINING, Record
from training.progress import Meter
from training.recipe import Recipe

# names of the data that no run is trained on
HELD_OUT, WITH_UNANSWERABLE = "held out", "held out, with unanswerable"


@dataclass(frozen=True)
class Result:
    """One run."""

    recipe: Recipe
    windows: int  # trained on
    trained: Meter
    device: str
    null_threshold: float | None  # chosen on the held-out questions; None if all have an answer
    scores: Mapping[str, Scores]  # by the name of the data
    earlier: Record | None = None  # of the training that made the initial weights, if one did


def write_result(folder: Path, result: Result) -> None:
    """Write ``training.json`` into ``folder``."""
    (folder / TRAINING).write_text(json.dumps(asdict(result), indent=2) + "\n")
