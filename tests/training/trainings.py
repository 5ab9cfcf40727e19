"""Short trainings on the sample of 200 questions."""

import io
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from qa.squad import SAMPLE, read_examples
from training.electra import Electra
from training.initial import read_initial
from training.loop import train
from training.objective import answer_objective
from training.place import Place
from training.recipe import Recipe, with_settings
from training.windows import TrainingWindow, training_windows

QUIET = Console(file=io.StringIO())
HERE = Place(torch.device("cpu"))
RECIPE = Recipe(batch_size=8, epochs=1, learning_rate=5e-3, layer_decay=1.0, max_seq_len=96)

# they add the same to all keys or to all logits, which the softmax cancels: gradients of rounding
WITHOUT_EFFECT = ("key.bias", "layer.1.output.LayerNorm.bias", "qa_outputs.bias")


def sample_windows(initial: str, count: int = 160) -> list[TrainingWindow]:
    """Return the first windows of the sample."""
    examples = read_examples(SAMPLE)
    windows, _ = training_windows(read_initial(initial).tokenizer, examples, RECIPE.max_seq_len)
    return windows[:count]


def train_sample(
    initial: str, folder: Path, *settings: str, place: Place = HERE, **options: Any
) -> Electra:
    """Train for 20 steps, or on from the state in ``folder``; return the model."""
    recipe = with_settings(RECIPE, settings)
    model = read_initial(initial).model(recipe.dropout, recipe.attention_dropout, recipe.seed)
    folder.mkdir(exist_ok=True)
    windows, objective = sample_windows(initial), answer_objective(recipe)
    train(model, windows, objective, recipe, place, folder, QUIET, **options)
    return model
