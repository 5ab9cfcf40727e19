"""What pre-training minimises, and which tokens it masks."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from training.batch import Batch
from training.loop import Objective
from training.place import autocast
from training.pretraining.models import Detection
from training.pretraining.recipe import PretrainingRecipe


def detection_objective(recipe: PretrainingRecipe, special: Sequence[int]) -> Objective:
    """Return the generator's loss plus ``detection_weight`` times the discriminator's.

    The generator's is a mean over the masked tokens, the discriminator's over all tokens (Clark
    et al. 2020, section 3.1). The ids in ``special`` are never masked.
    """

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        chosen = choose(batch, recipe.replaced, special)
        with autocast(recipe.precision, batch.input_ids.device):
            found: Detection = model(*batch.inputs, chosen)
        guessing = cross_entropy(found.guesses, batch.input_ids[chosen])
        return guessing + recipe.detection_weight * detection_loss(found, batch)

    return loss


def detection_loss(found: Detection, batch: Batch) -> Tensor:
    """Return the discriminator's mean cross entropy over all tokens but padding."""
    tokens = batch.attention_mask.bool()
    return binary_cross_entropy_with_logits(found.logits[tokens], found.is_replaced[tokens].float())


def choose(batch: Batch, share: float, special: Sequence[int]) -> Tensor:
    """Return the tokens to mask, bool ``[batch, sequence]``: a ``share`` of each window's.

    At least one is chosen in each window, by torch's random state, and never one whose id is in
    ``special``.
    """
    ids = batch.input_ids
    ordinary = batch.attention_mask.bool()
    ordinary &= ~torch.isin(ids, torch.tensor(special, device=ids.device))
    order = torch.rand(ids.shape, device=ids.device).masked_fill(~ordinary, 2.0)
    counts = (ordinary.sum(-1, keepdim=True) * share).round().clamp(min=1)
    return (order.argsort(-1).argsort(-1) < counts) & ordinary
