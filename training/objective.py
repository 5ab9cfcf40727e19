"""What fine-tuning minimises: the loss of the right answers, and the distance from a teacher."""

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div

from training.batch import Batch
from training.loop import Objective
from training.place import autocast
from training.recipe import BaseRecipe, Recipe

Logits = tuple[Tensor, Tensor]  # start and end, [batch, sequence]


def answer_objective(recipe: BaseRecipe) -> Objective:
    """Return the loss of a model for question answering: that of the right answers."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        return marginal_loss(_logits(model, batch, recipe), batch)

    return loss


def imitation_objective(recipe: Recipe) -> Objective:
    """Return the same loss, mixed with the distance from the teacher that each batch then has."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        logits = _logits(model, batch, recipe)
        right = marginal_loss(logits, batch)
        distance = distillation_loss(logits, batch, recipe.teacher_temperature)
        return torch.lerp(right, distance, recipe.teacher_weight)

    return loss


def _logits(model: nn.Module, batch: Batch, recipe: BaseRecipe) -> Logits:
    with autocast(recipe.precision, batch.input_ids.device):
        start, end = model(*batch.inputs)
    return start, end


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


def distillation_loss(logits: Logits, batch: Batch, temperature: float) -> Tensor:
    """Return the mean KL divergence of both distributions from the teacher's.

    The temperature divides the teacher's log-probabilities, which is the same as dividing its
    logits. The divergence is multiplied by temperature^2, so that the temperature does not change
    the size of the gradients (Hinton et al. 2015). Raises ValueError for a batch without a teacher.
    """
    if batch.teacher is None:
        raise ValueError("the batch has no teacher's log-probabilities")
    divergences = [
        kl_div(
            _log_softmax(ours, batch.read, temperature),
            _log_softmax(theirs, batch.read, temperature),
            reduction="batchmean",
            log_target=True,
        )
        for ours, theirs in zip(logits, batch.teacher, strict=True)
    ]
    return torch.stack(divergences).mean() * temperature**2


def _log_softmax(logits: Tensor, read: Tensor, temperature: float) -> Tensor:
    # finite at the positions that are not read, because -inf - -inf is not a number
    lowest = torch.finfo(logits.dtype).min / 2
    return (logits / temperature).masked_fill(~read, lowest).log_softmax(-1)
