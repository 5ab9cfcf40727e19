"""The recipe of a pre-training: its settings, besides those of every training."""

from dataclasses import dataclass

from training.recipe import BaseRecipe


@dataclass(frozen=True)
class PretrainingRecipe(BaseRecipe):
    """Further pre-training of an encoder that knows its language already.

    Some values differ from those of Clark et al. 2020, who start from random weights.
    """

    epochs: float = 1.0
    layer_decay: float = 1.0
    replaced: float = 0.15  # share of the tokens that are masked, and drawn by the generator
    detection_weight: float = 50.0  # of the discriminator's loss; the generator's has 1
    generator_hidden: int = 96  # a quarter of the discriminator's, as in the paper
    generator_layers: int = 6
    generator_heads: int = 4
