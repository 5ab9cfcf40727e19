"""One pre-training run: reads a recipe and text, and writes a folder for `make train INIT=`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console

from training.errors import TrainingError
from training.folder import write_config, write_tokenizer, write_weights
from training.initial import Initial, draw_weights, read_initial
from training.loop import train
from training.place import Place
from training.pretraining.evaluation import Found, evaluate_detection
from training.pretraining.models import ReplacedTokenDetection
from training.pretraining.objective import detection_objective
from training.pretraining.recipe import PretrainingRecipe
from training.pretraining.texts import read_texts
from training.result import PRETRAINING

SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[MASK]")


def run(
    recipe: PretrainingRecipe, texts: Sequence[Path], folder: Path, place: Place, console: Console
) -> Found | None:
    """Pre-train by ``recipe`` and write ``folder``; resume from the state in it, if any.

    The first of several processes returns how well the models do on held-out articles, or None
    when ``texts`` have none; the others return None. Raises TrainingError, SquadError or
    CheckpointError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    initial = read_initial(recipe.init)
    for notice in initial.notices:
        console.print(notice, highlight=False)
    special = special_ids(initial)
    read = read_texts(texts, initial.tokenizer, recipe.max_seq_len)
    console.print(f"pre-training on {len(read.train):,} windows")
    model = make_pair(initial, recipe)
    objective = detection_objective(recipe, special)
    trained = train(model, read.train, objective, recipe, place, folder, console)
    if not place.is_first:
        return None
    found = None
    if read.held_out:
        place.take_all_cores()
        found = evaluate_detection(model, read.held_out, recipe, special, place)
    kept = {
        name: tensor
        for name, tensor in model.state_dict().items()
        if not name.startswith("generator.")
    }
    write_weights(folder, kept)
    write_config(folder, "ElectraForPreTraining", initial.config, recipe)
    write_tokenizer(folder, initial.tokenizer_json)
    result = {"recipe": asdict(recipe), "windows": len(read.train), "trained": asdict(trained)}
    result |= {"device": place.name, "held_out": asdict(found) if found else None}
    result |= {"earlier": initial.earlier}
    (folder / PRETRAINING).write_text(json.dumps(result, indent=2) + "\n")
    return found


def make_pair(initial: Initial, recipe: PretrainingRecipe) -> ReplacedTokenDetection:
    """Return the encoder of ``initial`` with a generator and a head.

    The seed decides their weights, unless ``initial`` has them.
    """
    model = ReplacedTokenDetection(initial.config, recipe, special_ids(initial)[-1])
    generator = torch.Generator().manual_seed(recipe.seed)
    draw_weights(model.generator, generator)
    draw_weights(model.discriminator_predictions, generator)
    initial.fill(model)
    return model


def special_ids(initial: Initial) -> list[int]:
    """Return the ids of ``SPECIAL``; raise TrainingError when the vocabulary lacks one."""
    vocabulary = initial.tokenizer.get_vocab()
    if lacking := [token for token in SPECIAL if token not in vocabulary]:
        raise TrainingError(f"the vocabulary has no {lacking[0]}, which pre-training needs")
    return [vocabulary[token] for token in SPECIAL]
