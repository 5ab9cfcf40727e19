"""The rounding of int8 in a training, against whole numbers."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training.fake_quantization import (
    MEASURED_BATCHES,
    QuantizedLinear,
    Range,
    quantize,
    rounded_weight,
    unquantized,
)
from training.initial import read_initial

GENERATOR = torch.Generator().manual_seed(0)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=GENERATOR)


def measured(values: Tensor) -> Range:
    found = Range()
    for _ in range(MEASURED_BATCHES):
        assert found(values) is values
    return found


def test_an_activation_has_256_steps_between_two_quantiles() -> None:
    values = random(64, 1000)
    found = measured(values)
    rounded = found(values)
    scale = (found.high - found.low) / 255
    steps = rounded / scale
    torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
    assert len(rounded.unique()) <= 256
    inside = (values > found.low + scale) & (values < found.high - scale)
    assert 0.999 < inside.float().mean() < 1
    assert (rounded - values)[inside].abs().max() <= scale / 2 * 1.001
    assert rounded.max() <= found.high + scale / 2
    assert found(torch.zeros(3)).tolist() == [0, 0, 0]


def test_a_range_includes_zero() -> None:
    found = measured(random(1000).abs() + 5)
    assert found.low == 0
    assert found.high > 6


def test_a_range_is_the_mean_of_the_batches() -> None:
    found = Range()
    for size in range(MEASURED_BATCHES):
        found(torch.tensor([-1.0, size]))
    assert found.high == pytest.approx((MEASURED_BATCHES - 1) / 2, rel=1e-3)
    assert found.low == pytest.approx(-1, rel=1e-2)


def test_a_weight_has_a_scale_for_each_output() -> None:
    weight = random(5, 40) * torch.tensor([1, 10, 100, 1e-12, 0])[:, None]
    rounded = rounded_weight(weight)
    for row, its in zip(rounded[:3], weight[:3], strict=True):
        steps = row / (its.abs().max() / 127)
        torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
        assert steps.abs().max() == pytest.approx(127)
    assert rounded[3:].abs().max() < 1e-8


def test_a_dense_layer_is_a_product_of_whole_numbers() -> None:
    dense, values = nn.Linear(48, 7), random(30, 48)
    quantized = QuantizedLinear(dense)
    quantized.input = measured(values)
    scale = (quantized.input.high - quantized.input.low) / 255
    zero = (-quantized.input.low / scale).round()
    whole = ((values / scale).round() + zero).clamp(0, 255) - zero
    scales = dense.weight.detach().abs().amax(1) / 127
    weights = (dense.weight.detach() / scales[:, None]).round()
    expected = (whole @ weights.T) * scale * scales + dense.bias
    torch.testing.assert_close(quantized(values), expected, atol=1e-4, rtol=1e-4)


def test_gradients_pass_but_where_a_value_was_clipped() -> None:
    found = measured(torch.linspace(-1, 1, 1000))
    values = torch.tensor([-5.0, -0.5, 0.01, 0.5, 5.0], requires_grad=True)
    found(values).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [0, 1, 1, 1, 0]


def test_a_model_rounds_and_keeps_its_weights(initial_folder: Path) -> None:
    initial = read_initial(str(initial_folder))
    model = initial.model().eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    ids = torch.randint(1000, 30000, (4, 24), generator=GENERATOR)
    inputs = (ids, torch.ones_like(ids), torch.zeros_like(ids))
    with torch.inference_mode():
        exact, _ = model(*inputs)
        quantize(model)
        for _ in range(MEASURED_BATCHES):
            model(*inputs)
        rounded, _ = model(*inputs)
        plain, _ = unquantized(model, initial).eval()(*inputs)
    layers = sum(isinstance(each, QuantizedLinear) for each in model.modules())
    ranges = sum(isinstance(each, Range) for each in model.modules())
    assert (layers, ranges) == (2 * 6, 2 * 6 + 2 * 4)
    assert 0 < (rounded - exact).abs().max() < 0.2 * exact.std()
    torch.testing.assert_close(plain, exact)
    after = model.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
