"""How well a generator and its discriminator do on held-out text."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from training.batch import collate
from training.place import Place, autocast
from training.pretraining.models import ReplacedTokenDetection
from training.pretraining.objective import choose
from training.pretraining.recipe import PretrainingRecipe
from training.windows import TrainingWindow

WINDOWS = 1024  # at most, taken evenly from all
WINDOWS_AT_ONCE = 32


@dataclass(frozen=True)
class Found:
    """Counts of tokens."""

    masked: int
    replaced: int  # of the masked ones: the generator drew another token
    alarms: int  # the discriminator says that they were replaced
    right_alarms: int  # of the alarms: they were

    @property
    def restored(self) -> float:
        """Share of the masked tokens for which the generator drew the original."""
        return 1 - self.replaced / max(self.masked, 1)

    @property
    def precision(self) -> float:
        """Share of the alarms that are right."""
        return self.right_alarms / max(self.alarms, 1)

    @property
    def recall(self) -> float:
        """Share of the replaced tokens that the discriminator finds."""
        return self.right_alarms / max(self.replaced, 1)


def evaluate_detection(
    model: ReplacedTokenDetection,
    windows: Sequence[TrainingWindow],
    recipe: PretrainingRecipe,
    special: Sequence[int],
    place: Place,
) -> Found:
    """Count over ``windows``; the recipe's seed decides which tokens are masked."""
    model.to(place.device).eval()
    torch.manual_seed(recipe.seed)
    some = sorted(windows[:: -(-len(windows) // WINDOWS) or 1], key=len)
    counts = torch.zeros(4, dtype=torch.int64)
    for first in range(0, len(some), WINDOWS_AT_ONCE):
        batch = collate(some[first : first + WINDOWS_AT_ONCE], place.device)
        chosen = choose(batch, recipe.replaced, special)
        with torch.inference_mode(), autocast(recipe.precision, place.device):
            found = model(*batch.inputs, chosen)
        alarms = (found.logits > 0) & batch.attention_mask.bool()
        each = (chosen, found.is_replaced, alarms, alarms & found.is_replaced)
        counts += torch.stack([one.sum() for one in each]).cpu()
    return Found(*counts.tolist())
