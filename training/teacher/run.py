"""One fine-tuning of a teacher: reads a recipe and data, and writes a folder for `TEACHER=`."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console

from qa.metric import Scores
from qa.squad import Example, read_examples
from training.articles import split
from training.errors import TrainingError
from training.evaluation import predict_by, score
from training.folder import round_to_half
from training.loop import train
from training.objective import answer_objective
from training.place import Place
from training.progress import bar
from training.result import HELD_OUT
from training.teacher.reader import Loaded, read_reader
from training.teacher.recipe import TeacherRecipe
from training.unanswerable import with_unanswerable
from training.windows import TrainingWindow, labelled_windows

FILE_NAME = "teacher.json"


def run(
    recipe: TeacherRecipe, data: Path, folder: Path, place: Place, console: Console
) -> Scores | None:
    """Fine-tune by ``recipe`` and write ``folder``; resume from the state in it, if any.

    The first of several processes returns EM and F1 of the held-out questions that have an
    answer, or None when ``data`` has none; the others return None. The weights are measured and
    written in float16. Raises TrainingError, SquadError or WindowError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    loaded = read_reader(recipe.init, recipe)
    console.print(f"{recipe.init}: {loaded}", highlight=False)
    if recipe.max_seq_len > loaded.longest:
        raise TrainingError(
            f"max_seq_len is {recipe.max_seq_len}; {recipe.init} reads {loaded.longest} tokens"
        )
    parts = split(read_examples(data))
    windows = _windows(recipe, loaded, parts.train, console)
    console.print(f"training on {len(windows):,} windows")
    trained = train(
        loaded.reader, windows, answer_objective(recipe), recipe, place, folder, console
    )
    if not place.is_first:
        return None
    device = place.name
    place.take_all_cores()
    round_to_half(loaded.reader)
    scores = _evaluate(recipe, loaded, parts.held_out, place, console)
    loaded.reader.half()
    loaded.save(folder)
    result = {"recipe": asdict(recipe), "windows": len(windows), "trained": asdict(trained)}
    result |= {"device": device, "scores": {HELD_OUT: asdict(scores)} if scores else {}}
    (folder / FILE_NAME).write_text(json.dumps(result, indent=2) + "\n")
    return scores


def _windows(
    recipe: TeacherRecipe, loaded: Loaded, examples: list[Example], console: Console
) -> list[TrainingWindow]:
    examples = with_unanswerable(examples, recipe.negatives, recipe.unanswerable, recipe.seed)
    cut = partial(loaded.layout.windows, length=recipe.max_seq_len)
    with bar(console) as progress:
        windows, left_out = labelled_windows(cut, progress.track(examples, description="windows"))
    if left_out:
        console.print(f"{len(left_out):,} questions are left out: no answer in their context")
    if not windows:
        raise TrainingError("no question is left to train on")
    return windows


def _evaluate(
    recipe: TeacherRecipe,
    loaded: Loaded,
    held_out: list[Example],
    place: Place,
    console: Console,
) -> Scores | None:
    answered = [each for each in held_out if each.answers]
    if not answered:
        return None
    console.print(f"evaluating on {HELD_OUT}: {len(answered):,} questions")
    cut = partial(loaded.layout.windows, length=recipe.max_seq_len)
    found = predict_by(loaded.reader, cut, answered, place)
    with bar(console) as progress:
        predictions = list(progress.track(found, total=len(answered), description=HELD_OUT))
    return score(answered, predictions, 0.0)
