"""ELECTRA for question answering in torch; its modules carry the names of Hugging Face's tensors.

Clark et al. 2020. The layers are BERT's (Devlin et al. 2018): attention and a feed-forward
network, each followed by dropout, the residual and LayerNorm.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, gelu, scaled_dot_product_attention

from export.checkpoint.config import ElectraConfig


class Electra(nn.Module):
    """The encoder, and a head that gives a start and an end logit for each token."""

    def __init__(
        self, config: ElectraConfig, dropout: float = 0.0, attention_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.config = config
        self.electra = Encoder(config, dropout, attention_dropout)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return start and end logits, float32 ``[batch, sequence]``.

        The inputs are integers ``[batch, sequence]``; the mask is 1 at tokens, 0 at padding.
        """
        hidden = self.electra(input_ids, attention_mask, token_type_ids)
        start, end = self.qa_outputs(hidden).float().unbind(-1)
        return start, end


class Encoder(nn.Module):
    """The embeddings and the layers, without a head: what is pre-trained."""

    def __init__(self, config: ElectraConfig, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.embeddings = Embeddings(config, dropout)
        self.encoder = Layers(config, dropout, attention_dropout)
        if config.has_projection:
            self.embeddings_project = nn.Linear(config.embedding_size, config.hidden_size)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Return ``[batch, sequence, hidden]``; the inputs are those of ``Electra``."""
        hidden = self.embeddings(input_ids, token_type_ids)
        if hasattr(self, "embeddings_project"):
            hidden = self.embeddings_project(hidden)
        return self.encoder(hidden, attention_mask)


class Layers(nn.Module):
    """The layers, one after another."""

    def __init__(self, config: ElectraConfig, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.layer = nn.ModuleList(
            Layer(config, dropout, attention_dropout) for _ in range(config.num_hidden_layers)
        )

    def forward(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        """Return ``[batch, sequence, hidden]``."""
        kind = hidden.device.type
        if torch.is_autocast_enabled(kind):  # once, or each product would convert it again
            hidden = hidden.to(torch.get_autocast_dtype(kind))
        mask = attention_mask[:, None, None, :].bool()
        for layer in self.layer:
            hidden = layer(hidden, mask)
        return hidden


class Embeddings(nn.Module):
    """The sum of the embeddings of a token, its position, and its type: question or context."""

    def __init__(self, config: ElectraConfig, dropout: float) -> None:
        super().__init__()
        size = config.embedding_size
        self.word_embeddings = nn.Embedding(config.vocab_size, size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, size)
        self.LayerNorm = nn.LayerNorm(size, config.layer_norm_eps)
        self.dropout = dropout

    def forward(self, input_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        """Return ``[batch, sequence, embedding]``."""
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        summed = (
            self.word_embeddings(input_ids)
            + self.token_type_embeddings(token_type_ids)
            + self.position_embeddings(positions)
        )
        return dropout(self.LayerNorm(summed), self.dropout, self.training)


class Layer(nn.Module):
    """Attention and a feed-forward network."""

    def __init__(self, config: ElectraConfig, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        hidden, inner = config.hidden_size, config.intermediate_size
        self.attention = nn.ModuleDict(
            {
                "self": SelfAttention(config, attention_dropout),
                "output": Output(hidden, hidden, config.layer_norm_eps, dropout),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(hidden, inner)})
        self.output = Output(inner, hidden, config.layer_norm_eps, dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return ``[batch, sequence, hidden]``; ``mask`` is ``[batch, 1, 1, sequence]``."""
        attended = self.attention["self"](hidden, mask)
        hidden = self.attention["output"](attended, hidden)
        return self.output(gelu(self.intermediate["dense"](hidden)), hidden)


class SelfAttention(nn.Module):
    """Each token's mean of all tokens' values, weighted by how its query fits their keys."""

    def __init__(self, config: ElectraConfig, dropout: float) -> None:
        super().__init__()
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.heads = config.num_attention_heads
        self.dropout = dropout
        self.products = Products()

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return ``[batch, sequence, hidden]``."""
        query, key, value = (
            dense(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for dense in (self.query, self.key, self.value)
        )
        share = self.dropout if self.training else 0.0
        attended = self.products(query, key, value, mask, share)
        return attended.transpose(1, 2).flatten(-2)


class Products(nn.Module):
    """Attention's two matrix products, with the softmax between them."""

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, share: float
    ) -> Tensor:
        """Return ``[batch, heads, sequence, head]``, as the first three are; drop a ``share``."""
        if query.dtype == torch.bfloat16 and query.device.type == "cpu":
            return plain_attention(query, key, value, mask, share)
        return scaled_dot_product_attention(query, key, value, mask, share)


def plain_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor, share: float
) -> Tensor:
    """Return the same as ``scaled_dot_product_attention``, by plain matrix products.

    They write the scores to memory, and yet torch's fused backward pass takes three times as long
    in bf16 on a CPU (training/README.md).
    """
    excluded = torch.zeros_like(mask, dtype=query.dtype).masked_fill_(~mask, -torch.inf)
    scores = query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2) + excluded
    return dropout(scores.softmax(-1), share) @ value


class Output(nn.Module):
    """The end of each half of a layer: a projection, dropout, the residual, and LayerNorm."""

    def __init__(self, inputs: int, outputs: int, layer_norm_eps: float, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)
        self.LayerNorm = nn.LayerNorm(outputs, layer_norm_eps)
        self.dropout = dropout

    def forward(self, values: Tensor, residual: Tensor) -> Tensor:
        """Return ``[batch, sequence, outputs]``."""
        added = dropout(self.dense(values), self.dropout, self.training)
        return self.LayerNorm(residual + added)
