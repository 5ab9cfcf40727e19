"""The mean of a model and of the one that it was trained from.

Both lie in the same valley of the loss, which is often lower between them than at either of them:
weight-space ensembling, Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", section 3.
"""

import torch
from torch import nn

from training.errors import TrainingError
from training.initial import Initial
from training.recipe import Recipe


def check_averaged(recipe: Recipe, initial: Initial) -> None:
    """Raise TrainingError when ``recipe`` wants a mean with weights that lack the head."""
    if recipe.init_share and "qa_outputs.weight" not in initial.weights:
        raise TrainingError(
            f"init_share is {recipe.init_share:g}, but {recipe.init} was not fine-tuned: "
            "it has no head to take a share of"
        )


def average(model: nn.Module, initial: nn.Module, share: float) -> None:
    """Move each weight of ``model`` to the mean with ``initial``, which counts for ``share``."""
    with torch.no_grad():
        for mine, theirs in zip(model.parameters(), initial.parameters(), strict=True):
            mine.lerp_(theirs.to(mine.device), share)
