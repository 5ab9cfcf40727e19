"""What fine-tuning minimises: the loss of the right answers, and the distance from a teacher."""

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div

from training.batch import Batch
from training.electra import Electra
from training.loop import Objective
from training.place import autocast
from training.recipe import BaseRecipe, Recipe

Logits = tuple[Tensor, Tensor]  # start and end, [batch, sequence]


def answer_objective(recipe: BaseRecipe, teacher: Electra | None = None) -> Objective:
    """Return the loss of a model for question answering, which imitates ``teacher``, if any."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        with autocast(recipe.precision, batch.input_ids.device):
            logits = model(*batch.inputs)
        right = marginal_loss(logits, batch)
        if teacher is None or not isinstance(recipe, Recipe):
            return right
        with autocast(recipe.precision, batch.input_ids.device), torch.no_grad():
            theirs = teacher(*batch.inputs)
        distance = distillation_loss(logits, theirs, batch, recipe.teacher_temperature)
        return torch.lerp(right, distance, recipe.teacher_weight)

    return loss


def marginal_loss(logits: Logits, batch: Batch) -> Tensor:
    """Return the mean of -log P(start is a right one) and -log P(end is a right one).

    The probabilities are over the positions that are read in serving: [CLS] and the context's
    tokens. All occurrences of an answer are right (Clark and Gardner 2018, "Simple and Effective
    Multi-Paragraph Reading Comprehension", section 3.3).
    """
    losses = [
        _log_total(each, batch.read) - _log_total(each, right)
        for each, right in zip(logits, (batch.starts, batch.ends), strict=True)
    ]
    return torch.stack(losses).mean()


def _log_total(logits: Tensor, counted: Tensor) -> Tensor:
    return logits.masked_fill(~counted, -torch.inf).logsumexp(-1)


def distillation_loss(logits: Logits, teacher: Logits, batch: Batch, temperature: float) -> Tensor:
    """Return the mean KL divergence of both distributions from the teacher's.

    It is multiplied by temperature^2, so that the temperature does not change the size of the
    gradients (Hinton et al. 2015).
    """
    divergences = [
        kl_div(
            _log_softmax(ours, batch.read, temperature),
            _log_softmax(theirs, batch.read, temperature),
            reduction="batchmean",
            log_target=True,
        )
        for ours, theirs in zip(logits, teacher, strict=True)
    ]
    return torch.stack(divergences).mean() * temperature**2


def _log_softmax(logits: Tensor, read: Tensor, temperature: float) -> Tensor:
    # finite at the positions that are not read, because -inf - -inf is not a number
    lowest = torch.finfo(logits.dtype).min / 2
    return (logits / temperature).masked_fill(~read, lowest).log_softmax(-1)
