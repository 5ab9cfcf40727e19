"""The recipe of a pre-training: what it has beside the settings of every training."""

from dataclasses import dataclass

from training.recipe import BaseRecipe


@dataclass(frozen=True)
class PretrainingRecipe(BaseRecipe):
    """Further pre-training of an encoder that knows its language already.

    What differs from Clark et al. 2020 differs because they begin with random weights.
    """

    epochs: float = 1.0
    layer_decay: float = 1.0
    replaced: float = 0.15  # share of the tokens that the generator writes anew
    detection_weight: float = 50.0  # of the discriminator's loss, beside the generator's
    generator_hidden: int = 96  # a quarter of the discriminator's, as theirs is
    generator_layers: int = 6
    generator_heads: int = 4
