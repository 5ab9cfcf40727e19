"""The losses: marginal likelihood of the right spans, and distance from a teacher."""

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from training.batch import Batch

Logits = tuple[Tensor, Tensor]  # start and end, [batch, sequence]


def marginal_loss(logits: Logits, batch: Batch) -> Tensor:
    """Return the mean of -log P(start is a right one) and -log P(end is a right one).

    The probabilities are over the positions that are read when the model is served: [CLS] and
    the context's tokens. All occurrences of an answer are right (Clark and Gardner 2018, "Simple
    and Effective Multi-Paragraph Reading Comprehension", section 3.3).
    """
    gold = (batch.starts, batch.ends)
    losses = [
        _log_total(each, batch.read) - _log_total(each, right)
        for each, right in zip(logits, gold, strict=True)
    ]
    return torch.stack(losses).mean()


def _log_total(logits: Tensor, counted: Tensor) -> Tensor:
    return logits.masked_fill(~counted, -torch.inf).logsumexp(-1)


def distillation_loss(logits: Logits, teacher: Logits, batch: Batch, temperature: float) -> Tensor:
    """Return the mean KL divergence of both distributions from the teacher's.

    Times temperature^2, so that gradients are of one size at all of them (Hinton et al. 2015).
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
    # finite at the positions that do not count, where -inf - -inf would be no number
    lowest = torch.finfo(logits.dtype).min / 2
    return (logits / temperature).masked_fill(~read, lowest).log_softmax(-1)
