"""AdamW with a learning rate for each layer, and the schedule of the rates."""

import re

import torch
from torch import nn

from training.initial import HEADS
from training.recipe import BaseRecipe

# as in electra.encoder.layer.0.output and mpnet.encoder.layer.0.output
_LAYER = re.compile(r"\.layers?\.(\d+)\.")
_HEAD = re.compile(rf"(^|\.)({'|'.join(map(re.escape, HEADS))})")


def make_optimizer(model: nn.Module, recipe: BaseRecipe) -> torch.optim.AdamW:
    """Return AdamW over the parameters that are trained.

    Each group's ``scale`` is ``layer_decay`` to the power of its depth below the head (Clark et
    al. 2020, appendix B; Howard and Ruder 2018).
    """
    depths = (_LAYER.search(name) for name, _ in model.named_parameters() if not _HEAD.search(name))
    layers = max((int(found[1]) + 1 for found in depths if found), default=0)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            scale = recipe.layer_decay ** _depth(name, layers)
            is_exempt = parameter.ndim < 2  # biases and LayerNorm's weights
            decay = 0.0 if is_exempt else recipe.weight_decay
            groups.setdefault((scale, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "scale": scale, "weight_decay": decay, "lr": 0.0}
            for (scale, decay), parameters in groups.items()
        ],
        fused=True,
    )


def _depth(name: str, layers: int) -> int:
    """Return how many layers ``name`` is below the head: 0 for it, layers + 1 for embeddings."""
    if _HEAD.search(name):
        return 0
    found = _LAYER.search(name)
    return layers - int(found[1]) if found else layers + 1


def set_rate(optimizer: torch.optim.AdamW, recipe: BaseRecipe, step: int, steps: int) -> None:
    """Set the rates for ``step``, counted from 0."""
    rate = recipe.learning_rate * schedule(step, steps, recipe.warmup)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]


def schedule(step: int, steps: int, warmup: float) -> float:
    """Return the share of the peak rate at ``step``: it rises linearly, then falls to 0."""
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    return (steps - step) / (steps - rising)
