"""What each change of the recipe does to F1 on the held-out articles, beside the seeds' noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from training.errors import TrainingError
from training.measured import Run
from training.result import HELD_OUT

UNIMPORTANT = ("seed",)  # settings in which runs of the same recipe may differ


@dataclass(frozen=True)
class Gain:
    """A run of a changed recipe."""

    name: str  # the settings that differ
    run: Run
    f1: float
    change: float  # of F1, from the mean of the seeds
    is_noise: bool  # less than two standard deviations of the seeds


@dataclass(frozen=True)
class Gains:
    """Runs of one recipe with several seeds, and of recipes that differ from it."""

    seeds: tuple[Run, ...]
    changed: tuple[Gain, ...]

    @property
    def f1s(self) -> list[float]:
        """F1 of each seed, in percent."""
        return [run.score(HELD_OUT, "f1") for run in self.seeds]


def gains(runs: Sequence[Run]) -> Gains:
    """Compare ``runs``; raise TrainingError when no recipe has several seeds."""
    seeds = _seeds(runs)
    f1s = [run.score(HELD_OUT, "f1") for run in seeds]
    changed = []
    for run in (each for each in runs if each not in seeds):
        f1 = run.score(HELD_OUT, "f1")
        change = f1 - mean(f1s)
        is_noise = abs(change) < 2 * stdev(f1s)
        changed.append(Gain(_name(seeds[0], run), run, f1, change, is_noise))
    return Gains(tuple(seeds), tuple(changed))


def _seeds(runs: Sequence[Run]) -> list[Run]:
    for run in runs:
        same = [each for each in runs if not _changes(run, each)]
        if len(same) > 1:
            return same
    raise TrainingError("no recipe was run with more than one seed, so the noise is not known")


def _changes(run: Run, other: Run) -> dict[str, object]:
    """Return the settings of ``other`` that ``run`` does not have."""
    return {
        name: value
        for name, value in other.recipe.items()
        if name not in UNIMPORTANT and run.recipe.get(name) != value
    }


def _name(recipe: Run, run: Run) -> str:
    return ", ".join(
        "make pretrain before it" if name == "init" else f"{name}={_text(value)}"
        for name, value in _changes(recipe, run).items()
    )


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
