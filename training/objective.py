"""What fine-tuning minimises: the loss of the right answers, and the distance from a teacher."""

import torch
from torch import Tensor, nn

from training.batch import Batch
from training.electra import Electra
from training.loop import Objective
from training.loss import distillation_loss, marginal_loss
from training.place import autocast
from training.recipe import Recipe


def answer_objective(recipe: Recipe, teacher: Electra | None = None) -> Objective:
    """Return the loss of a model for question answering, which imitates ``teacher``, if any."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        with autocast(recipe.precision, batch.input_ids.device):
            logits = model(*batch.inputs)
        right = marginal_loss(logits, batch)
        if teacher is None:
            return right
        with autocast(recipe.precision, batch.input_ids.device), torch.no_grad():
            theirs = teacher(*batch.inputs)
        distance = distillation_loss(logits, theirs, batch, recipe.teacher_temperature)
        return torch.lerp(right, distance, recipe.teacher_weight)

    return loss
