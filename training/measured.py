"""Reads what runs and throughput measurements wrote into a folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from training.errors import TrainingError
from training.recipe import Recipe
from training.result import PRETRAINING, trainings

THROUGHPUT = "throughput.json"


@dataclass(frozen=True)
class Run:
    """One training: a ``training.json``, under the name of the run."""

    name: str
    recipe: Mapping[str, Any]
    seconds: float  # of this training and of those before it
    device: str
    scores: Mapping[str, Mapping[str, float]]  # exact_match, f1 and total by data

    def score(self, data: str, metric: str) -> float:
        """Return ``exact_match`` or ``f1`` of the questions that ``data`` names, in percent."""
        return self.scores[data][metric]


@dataclass(frozen=True)
class Speed:
    """The speed of whole training steps, with windows of one length."""

    size: str
    device: str
    precision: str
    batch: int
    sequence: int  # tokens
    sequences: float  # per second, by the median step


@dataclass(frozen=True)
class Measured:
    """All of a folder."""

    runs: tuple[Run, ...]  # by name
    speeds: tuple[Speed, ...]
    pretraining: Mapping[str, Any] | None


def read_measured(folder: Path) -> Measured:
    """Read the JSON files of ``folder``, each a run but for THROUGHPUT and PRETRAINING.

    Raises TrainingError for any other file.
    """
    paths = sorted(folder.glob("*.json"))
    pretraining = folder / PRETRAINING
    return Measured(
        runs=tuple(read_run(each) for each in paths if each.name not in (THROUGHPUT, PRETRAINING)),
        speeds=_read_speeds(folder / THROUGHPUT),
        pretraining=_content(pretraining) if pretraining in paths else None,
    )


def read_run(path: Path) -> Run:
    """Read one ``training.json``; raise TrainingError when it is something else.

    A setting that did not exist yet has its default, which is to do nothing.
    """
    content = _content(path)
    try:
        return Run(
            name=path.stem,
            recipe=asdict(Recipe()) | content["recipe"],
            seconds=sum(each["trained"]["seconds"] for each in trainings(content)),
            device=content["device"],
            scores=content["scores"],
        )
    except KeyError as error:
        raise TrainingError(f"{path} has no {error}") from error


def _read_speeds(path: Path) -> tuple[Speed, ...]:
    if not path.exists():
        return ()
    content = _content(path)
    try:
        return tuple(_speed(content["device"], each) for each in content["measured"])
    except KeyError as error:
        raise TrainingError(f"{path} has no {error}") from error


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise TrainingError(f"cannot read {path}: {error}") from error


def _speed(device: str, content: Mapping[str, Any]) -> Speed:
    return Speed(
        size=content["size"],
        device=device,
        precision=content["precision"],
        batch=content["batch"],
        sequence=content["sequence"],
        sequences=content["batch"] / median(content["step_seconds"]),
    )
