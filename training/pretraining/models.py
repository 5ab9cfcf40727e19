"""Generator and discriminator, which share their embeddings (Clark et al. 2020, section 3)."""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from export.checkpoint.config import ElectraConfig
from training.electra import Encoder, Layers
from training.pretraining.recipe import PretrainingRecipe


class Detection(NamedTuple):
    """The outputs of both for a batch."""

    guesses: Tensor  # float32 [chosen, vocabulary]: the generator's logits where tokens were masked
    is_replaced: Tensor  # bool [batch, sequence]: where the token drawn from them is another one
    logits: Tensor  # float32 [batch, sequence]: the discriminator's, above 0 for a replaced one


class ReplacedTokenDetection(nn.Module):
    """Both models. The tensors of encoder and head have Hugging Face's names."""

    def __init__(self, config: ElectraConfig, recipe: PretrainingRecipe, mask_id: int) -> None:
        super().__init__()
        self.mask_id = mask_id
        self.electra = Encoder(config, recipe.dropout, recipe.attention_dropout)
        self.discriminator_predictions = nn.ModuleDict(
            {
                "dense": nn.Linear(config.hidden_size, config.hidden_size),
                "dense_prediction": nn.Linear(config.hidden_size, 1),
            }
        )
        self.generator = Generator(config, recipe)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor, chosen: Tensor
    ) -> Detection:
        """Mask the ``chosen`` tokens, draw tokens in their place, and detect which are others.

        The inputs are those of ``Electra``; ``chosen`` is bool ``[batch, sequence]``. The draw
        depends on torch's random state. No gradient passes through it.
        """
        masked = input_ids.masked_fill(chosen, self.mask_id)
        embedded = self.electra.embeddings(masked, token_type_ids)
        words = self.electra.embeddings.word_embeddings.weight
        guesses = self.generator(embedded, attention_mask, chosen, words)
        drawn = input_ids.masked_scatter(chosen, draw(guesses.detach()))
        hidden = self.electra(drawn, attention_mask, token_type_ids)
        head = self.discriminator_predictions
        logits = head["dense_prediction"](gelu(head["dense"](hidden))).squeeze(-1).float()
        return Detection(guesses, drawn != input_ids, logits)


class Generator(nn.Module):
    """A small masked language model, with the encoder's word embeddings."""

    def __init__(self, config: ElectraConfig, recipe: PretrainingRecipe) -> None:
        super().__init__()
        small = replace(
            config,
            hidden_size=recipe.generator_hidden,
            intermediate_size=4 * recipe.generator_hidden,
            num_hidden_layers=recipe.generator_layers,
            num_attention_heads=recipe.generator_heads,
        )
        size = config.embedding_size
        self.embeddings_project = nn.Linear(size, small.hidden_size)
        self.encoder = Layers(small, recipe.dropout, recipe.attention_dropout)
        self.dense = nn.Linear(small.hidden_size, size)
        self.LayerNorm = nn.LayerNorm(size, config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(
        self, embedded: Tensor, attention_mask: Tensor, chosen: Tensor, words: Tensor
    ) -> Tensor:
        """Return logits, float32 ``[chosen, vocabulary]``.

        ``embedded`` is ``[batch, sequence, embedding]``, ``words`` ``[vocabulary, embedding]``.
        """
        hidden = self.encoder(self.embeddings_project(embedded), attention_mask)
        guessed = self.LayerNorm(gelu(self.dense(hidden[chosen])))
        return (guessed @ words.T).float() + self.bias


def draw(logits: Tensor) -> Tensor:
    """Return an index for each row of ``logits``, drawn with the probabilities of its softmax.

    It is that of the largest logit after Gumbel noise is added (Maddison et al. 2014), which is
    fast for a large vocabulary too: only the random numbers take time.
    """
    noise = torch.empty_like(logits).exponential_().log_()
    return (logits - noise).argmax(-1)
