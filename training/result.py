"""The result of a training, and the records of the trainings before it, as files."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from export.checkpoint.json_file import read_json
from export.checkpoint.training import FILE_NAME as TRAINING
from qa.metric import Scores
from training.errors import TrainingError
from training.progress import Meter
from training.recipe import Recipe

PRETRAINING = "pretraining.json"

# names of the data that no run is trained on
HELD_OUT, WITH_UNANSWERABLE = "held out", "held out, with unanswerable"
HELD_OUT_ROUNDED = "held out, rounded as in int8"
WITH_PLAUSIBLE = "held out, with unanswerable that look answerable"

Record = Mapping[str, Any]  # the content of one of the files

# what the model card says of each
_NEEDED = {"recipe": ("init", "epochs", "learning_rate"), "trained": ("tokens", "seconds")}


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


def last_training(folder: Path) -> Record | None:
    """Return the record that `make train` or `make pretrain` wrote into ``folder``, or None.

    Raises TrainingError for a file of that name that neither can have written.
    """
    path = next(
        (folder / name for name in (TRAINING, PRETRAINING) if (folder / name).is_file()), None
    )
    if path is None:
        return None
    record = read_json(path)
    try:
        for each in trainings(record):
            _check(each)
    except (KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"{path} was not written by `make train` or `make pretrain` ({error!r}): move it away"
        ) from error
    return record


def trainings(record: Record) -> list[Record]:
    """Return ``record`` and the records of the trainings before it, the oldest first."""
    earlier = record.get("earlier")
    return [record] if earlier is None else [*trainings(earlier), record]


def is_pretraining(record: Record) -> bool:
    """Whether `make pretrain` wrote ``record``."""
    return "scores" not in record


def _check(record: Record) -> None:
    """Raise KeyError or TypeError when ``record`` lacks a value of ``_NEEDED``."""
    for part, names in _NEEDED.items():
        for name in names:
            record[part][name]
