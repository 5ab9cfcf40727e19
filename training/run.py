"""One training run: reads a recipe and data, and writes a folder for ``make export``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from qa.metric import Scores, metric_notice
from qa.squad import Example, has_unanswerable, read_examples
from training.articles import split
from training.average import average, check_averaged
from training.electra import Electra
from training.errors import TrainingError
from training.evaluation import Prediction, choose_threshold, predict, score
from training.fake_quantization import quantize, unquantized
from training.folder import round_to_half, write_model
from training.initial import Initial, read_initial
from training.loop import train
from training.objective import answer_objective, imitation_objective
from training.place import Place
from training.progress import bar
from training.recipe import Recipe
from training.result import (
    HELD_OUT,
    HELD_OUT_ROUNDED,
    WITH_PLAUSIBLE,
    WITH_UNANSWERABLE,
    Result,
)
from training.teacher.teach import taught
from training.unanswerable import elsewhere, unanswerable, with_unanswerable
from training.windows import TrainingWindow, training_windows


@dataclass(frozen=True)
class Data:
    """What a run reads: a training set, and files to evaluate on at its end."""

    train: Path
    dev: tuple[Path, ...] = ()


def run(recipe: Recipe, data: Data, folder: Path, place: Place, console: Console) -> Result | None:
    """Train by ``recipe``, evaluate, and write ``folder``; resume from the state in it, if any.

    With several processes, only the first returns a result. Raises TrainingError, SquadError or
    CheckpointError, before training begins, when something cannot be trained.
    """
    folder.mkdir(parents=True, exist_ok=True)
    initial = read_initial(recipe.init)
    for each in initial.notices:
        console.print(each, highlight=False)
    check_averaged(recipe, initial)
    parts = split(read_examples(data.train))
    if not parts.train:
        raise TrainingError(f"all articles of {data.train} are held out: none is left to train on")
    held_out = parts.held_out
    evaluated = {path.name: read_examples(path) for path in data.dev}
    if len(evaluated) < len(data.dev):
        names = ", ".join(path.name for path in data.dev)
        raise TrainingError(f"scores are kept by file name; give each file its own: {names}")
    for name, examples in evaluated.items():
        if notice := metric_notice(examples):
            console.print(f"{name}: {notice}", highlight=False)
    windows, made_of = _windows(recipe, initial, parts.train, console)
    objective = answer_objective(recipe)
    if recipe.teacher:
        console.print(f"{recipe.teacher} reads {len(windows):,} windows")
        windows = taught(windows, made_of, initial.tokenizer, recipe, place, folder, console)
        objective = imitation_objective(recipe)
    console.print(f"training on {len(windows):,} windows")
    model = initial.model(recipe.dropout, recipe.attention_dropout, recipe.seed)
    if recipe.quantized:
        quantize(model)
    trained = train(model, windows, objective, recipe, place, folder, console)
    if not place.is_first:
        return None
    name = place.name
    place.take_all_cores()
    if recipe.init_share:
        average(model, initial.model(), recipe.init_share)
    round_to_half(model)
    rounded: dict[str, Scores] = {}
    if recipe.quantized:
        rounded = _evaluate_rounded(recipe, model, initial, held_out, place, console)
        model = unquantized(model, initial)
    threshold, scores = _evaluate(recipe, model, initial, held_out, evaluated, place, console)
    scores |= rounded
    result = Result(recipe, len(windows), trained, name, threshold, scores, initial.earlier)
    write_model(folder, model, initial.tokenizer_json, result)
    return result


def _windows(
    recipe: Recipe, initial: Initial, examples: list[Example], console: Console
) -> tuple[list[TrainingWindow], list[Example]]:
    """Return the windows to train on, and the examples that they are made of."""
    examples = with_unanswerable(examples, recipe.negatives, recipe.unanswerable, recipe.seed)
    with bar(console) as progress:
        shown = progress.track(examples, description="windows")
        windows, left_out = training_windows(initial.tokenizer, shown, recipe.max_seq_len)
    if left_out:
        console.print(_notice(left_out, len(examples)), highlight=False, markup=False)
    if not windows:
        raise TrainingError("no question is left to train on")
    missing = set(left_out)
    return windows, [each for each in examples if each not in missing]


def _notice(left_out: Sequence[Example], total: int) -> str:
    first = left_out[0]
    return (
        f"{len(left_out):,} of {total:,} questions are left out, as none of their answers is in "
        f"their context; the first: {first.id!r} of {first.title!r}, {list(first.answers)}"
    )


def _evaluate(
    recipe: Recipe,
    model: Electra,
    initial: Initial,
    held_out: list[Example],
    evaluated: Mapping[str, list[Example]],
    place: Place,
    console: Console,
) -> tuple[float | None, dict[str, Scores]]:
    """Return the null threshold, if one was chosen, and the scores by the name of the data."""
    predictions = partial(_predictions, recipe, model, initial, place, console)
    threshold = None
    scores: dict[str, Scores] = {}
    if held_out:
        name, made = _unanswerable(recipe, held_out)
        both = [*held_out, *made]
        found = predictions(HELD_OUT, both)
        if has_unanswerable(both):
            threshold = choose_threshold(both, found)
            scores[name] = score(both, found, threshold)
        answered = [at for at, each in enumerate(held_out) if each.answers]
        if answered:
            of_those = [found[at] for at in answered]
            scores[HELD_OUT] = score([held_out[at] for at in answered], of_those, 0.0)
    for name, examples in evaluated.items():
        scores[name] = score(examples, predictions(name, examples), threshold or 0.0)
    return threshold, scores


def _evaluate_rounded(
    recipe: Recipe,
    model: Electra,
    initial: Initial,
    held_out: list[Example],
    place: Place,
    console: Console,
) -> dict[str, Scores]:
    """Return the score of a model that rounds as int8 does."""
    answered = [each for each in held_out if each.answers]
    if not answered:
        return {}
    found = _predictions(recipe, model, initial, place, console, HELD_OUT_ROUNDED, answered)
    return {HELD_OUT_ROUNDED: score(answered, found, 0.0)}


def _predictions(
    recipe: Recipe,
    model: Electra,
    initial: Initial,
    place: Place,
    console: Console,
    name: str,
    examples: list[Example],
) -> list[Prediction]:
    console.print(f"evaluating on {name}: {len(examples):,} questions")
    found = predict(model, initial.tokenizer, examples, recipe.max_seq_len, place)
    with bar(console) as progress:
        return list(progress.track(found, total=len(examples), description=name))


def _unanswerable(recipe: Recipe, held_out: list[Example]) -> tuple[str, list[Example]]:
    """Return as many unanswerable questions as ``held_out`` has, and the name of both together.

    They are of the hardest kind that ``recipe`` has. None are made where people wrote some.
    """
    if recipe.unanswerable and not has_unanswerable(held_out):
        return WITH_PLAUSIBLE, unanswerable(held_out, 1.0, seed=0)
    if recipe.negatives and not has_unanswerable(held_out):
        return WITH_UNANSWERABLE, elsewhere(held_out, 1.0, seed=0)
    return WITH_UNANSWERABLE, []
