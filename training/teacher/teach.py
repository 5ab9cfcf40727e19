"""Gives each of the student's windows its teacher's distributions."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from tokenizers import Tokenizer

from qa.squad import Example
from qa.windows import WindowError, make_windows
from training.batch import collate
from training.place import Place, autocast, set_precision
from training.progress import Meter, progress_shown
from training.recipe import Recipe
from training.teacher.alignment import Offsets, log_probabilities
from training.teacher.kept import FOLDER, WINDOWS_OF_A_PART, Distributions, Part, source_of
from training.teacher.pieces import Piece, digest, pieces
from training.teacher.reader import Loaded, read_reader
from training.windows import CLS_POSITION, TrainingWindow

WINDOWS_AT_ONCE = 32
SECONDS_BETWEEN_LOOKS = 0.2

Count = Callable[[int, float], None]  # is told the tokens and seconds of each batch


def taught(
    windows: Sequence[TrainingWindow],
    examples: Sequence[Example],
    tokenizer: Tokenizer,
    recipe: Recipe,
    place: Place,
    folder: Path,
    console: Console,
) -> list[TrainingWindow]:
    """Return ``windows``, which are all those of ``examples``, with ``recipe.teacher``'s answers.

    They are kept in ``folder``: a part that is there is not computed again, and the teacher is
    loaded only if one is missing. Each of several processes computes its share, and waits for the
    others. Raises TrainingError for a teacher that cannot be loaded, and for a part that was made
    from another teacher or other windows.
    """
    source = source_of(recipe.teacher)
    sizes = [len(each) - each.context_position for each in windows]
    paths = [
        folder / FOLDER / f"{number:05}.safetensors"
        for number in range(-(-len(windows) // WINDOWS_OF_A_PART))
    ]
    missing = [path for path in paths[place.rank :: place.world] if not path.exists()]
    loaded = _load(recipe, place) if missing else None
    some_batches = -(-WINDOWS_OF_A_PART // WINDOWS_AT_ONCE)
    meter = Meter()
    cut = partial(make_windows, tokenizer, sequence_length=recipe.max_seq_len)
    stream, parts = pieces(cut, examples), []
    with progress_shown(meter, len(missing) * some_batches, console, "teacher's batch") as refresh:

        def count(tokens: int, seconds: float) -> None:
            meter.count(0.0, tokens, seconds)
            refresh()

        for number, path in enumerate(paths):
            some = list(islice(stream, WINDOWS_OF_A_PART))
            first = number * WINDOWS_OF_A_PART
            of_these = tuple(sizes[first : first + WINDOWS_OF_A_PART])
            part = Part(path, {**source, "windows": digest(some)}, of_these)
            parts.append(part)
            if not part.is_there() and path in missing and loaded:
                part.write(distributions(loaded, some, recipe.precision, place, count))
    return _with_teacher(windows, parts)


def _load(recipe: Recipe, place: Place) -> Loaded:
    loaded = read_reader(recipe.teacher)
    set_precision(recipe.precision, place.device)
    loaded.reader.to(place.device).eval()
    return loaded


def _with_teacher(windows: Sequence[TrainingWindow], parts: list[Part]) -> list[TrainingWindow]:
    found: list[Distributions] = []
    for part in parts:
        while not part.path.exists():  # another process makes it
            time.sleep(SECONDS_BETWEEN_LOOKS)
        found += part.read()
    return [replace(each, teacher=its) for each, its in zip(windows, found, strict=True)]


@dataclass(frozen=True)
class _Reading:
    """What the teacher reads of one piece: all of it, or as much as it can read at once."""

    window: TrainingWindow
    offsets: Offsets  # of the teacher's tokens, in the piece


def distributions(
    loaded: Loaded, some: Sequence[Piece], precision: str, place: Place, count: Count
) -> list[Distributions]:
    """Return the teacher's log-probabilities for each piece, on the student's tokens.

    They are those of ``log_probabilities``. A piece that is too long for the teacher loses its
    tail, where no answer starts or ends then: an error would end a training for one odd text.
    For the same reason a piece that it cannot read at all has no answer.
    """
    readings = [_reading(loaded, each) for each in some]
    order = np.argsort([len(each.window) for each in readings], kind="stable")
    found: dict[int, Distributions] = {}
    for at in range(0, len(order), WINDOWS_AT_ONCE):
        began = time.monotonic()
        numbers = order[at : at + WINDOWS_AT_ONCE].tolist()
        rows = [readings[number].window for number in numbers]
        batch = collate(rows, place.device)
        with torch.inference_mode(), autocast(precision, place.device):
            logits = [each.cpu().numpy() for each in loaded.reader(*batch.inputs)]
        read = batch.read.cpu().numpy()
        for row, number in enumerate(numbers):
            start, end = (each[row, read[row]] for each in logits)
            theirs, ours = readings[number].offsets, some[number].offsets
            found[number] = log_probabilities(start, end, theirs, ours)
        count(sum(map(len, rows)), time.monotonic() - began)
    return [found[number] for number in range(len(some))]


def _reading(loaded: Loaded, piece: Piece) -> _Reading:
    none = (CLS_POSITION,)
    try:
        windows = loaded.windows(piece.question, piece.context)
    except WindowError:
        alone = np.array(loaded.layout.before + loaded.layout.after, dtype=np.int32)
        return _Reading(TrainingWindow(alone, 1, none, none), np.empty((0, 2), dtype=np.int64))
    ids = windows.input_ids[0, : windows.row_lengths[0]]
    window = TrainingWindow(ids.copy(), windows.context_position, none, none)
    return _Reading(window, windows.offsets[: windows.lengths[0]])
