"""The rounding of int8 in a training's forward pass, so that the weights get used to it.

Quantization-aware training (Jacob et al. 2018, section 3): the inputs of every matrix product of
the layers are rounded to 8 bits. Gradients pass as if they were not, but none passes where a value
was clipped. As in ``openvino_int8``, a weight has a scale for each output, the same below and above
zero; an activation has one scale for all, and a range that is measured on the first batches.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from training.electra import Electra, SelfAttention
from training.initial import Initial

MEASURED_BATCHES = 16  # whose activations are not rounded
OUTLIERS = 1e-4  # share of an activation's values, at either end, that are clipped
LARGEST_SAMPLE = 2**18  # values of a batch that its range is measured on
SMALLEST_SCALE = 1e-8  # so that a channel of zeros can be divided


class Range(nn.Module):
    """Rounds one activation, to 256 steps between two quantiles of it."""

    low: Tensor
    high: Tensor
    batches: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, values: Tensor) -> Tensor:
        """Return ``values`` rounded and clipped, or as they are while the range is measured."""
        if self.batches < MEASURED_BATCHES:
            self._measure(values.detach())
            return values
        scale = ((self.high - self.low) / 255).clamp(min=SMALLEST_SCALE)
        zero = (-self.low / scale).round()
        return rounded((values / scale).clamp(-zero, 255 - zero)) * scale

    def _measure(self, values: Tensor) -> None:
        """Move the range to the mean of those of all batches; it always includes 0."""
        flat = values.flatten().float()
        some = flat[:: -(-len(flat) // LARGEST_SAMPLE)]
        ends = torch.tensor([OUTLIERS, 1 - OUTLIERS], device=flat.device)
        low, high = some.quantile(ends)
        self.batches += 1
        self.low += (low.clamp(max=0) - self.low) / self.batches
        self.high += (high.clamp(min=0) - self.high) / self.batches


class QuantizedLinear(nn.Linear):
    """A dense layer whose input and weight are rounded."""

    def __init__(self, dense: nn.Linear) -> None:
        super().__init__(dense.in_features, dense.out_features, device="meta")
        self.weight, self.bias = dense.weight, dense.bias
        self.input = Range()

    def forward(self, values: Tensor) -> Tensor:
        """Return ``[..., outputs]``."""
        return linear(self.input(values), rounded_weight(self.weight), self.bias)


def rounded_weight(weight: Tensor) -> Tensor:
    """Return ``weight``, ``[outputs, inputs]``, rounded to 127 steps on either side of 0.

    The largest magnitude of an output's weights is its 127th step.
    """
    scale = (weight.detach().abs().amax(1, keepdim=True) / 127).clamp(min=SMALLEST_SCALE)
    return rounded(weight / scale) * scale


def rounded(steps: Tensor) -> Tensor:
    """Return whole numbers; the gradient is that of ``steps`` (torch's own operator is slower)."""
    return steps + (steps.round() - steps).detach()


class QuantizedProducts(nn.Module):
    """The two products of attention, with rounded inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.shares = Range(), Range(), Range(), Range()

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, _: float) -> Tensor:
        """Return the same as ``scaled_dot_product_attention``, without dropout."""
        excluded = torch.zeros_like(mask, dtype=query.dtype).masked_fill_(~mask, -torch.inf)
        scores = self.query(query * query.shape[-1] ** -0.5) @ self.key(key).transpose(-1, -2)
        return self.shares((scores + excluded).softmax(-1)) @ self.value(value)


def quantize(model: Electra) -> None:
    """Have ``model`` round in its layers from now on; its weights stay as they are."""
    for module in list(model.electra.encoder.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, QuantizedLinear(child))
        if isinstance(module, SelfAttention):
            module.products = QuantizedProducts()


def unquantized(model: Electra, initial: Initial) -> Electra:
    """Return a model that rounds nothing, with the weights of ``model``, which ``initial`` made."""
    plain = initial.model()
    plain.load_state_dict({name: model.state_dict()[name] for name in plain.state_dict()})
    return plain
