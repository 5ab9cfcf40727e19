"""Static int8 of an OpenVINO IR: its scales are measured on windows of real text."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import rich

from embedded.backends.openvino_ir import openvino  # before nncf, which has the same telemetry
from export.graphs.openvino_ir import save_ir
from export.windows import Tensors

import nncf  # isort: skip
from nncf.quantization.range_estimator import (  # isort: skip
    AggregatorType,
    RangeEstimatorParameters,
    StatisticsCollectorParameters,
    StatisticsType,
)

# nncf's own log and progress bars; the caller shows progress
nncf.set_log_level(logging.ERROR)
rich.reconfigure(quiet=True)  # silences rich's global console, on which nncf writes

OUTLIERS = 1e-4  # share of an activation's values that training/fake_quantization.py clips

#: How far SmoothQuant moves the spread of activations into the weights, 0 to 1; NNCF's own value is
#: 0.95. Chosen on training questions (docs/exporting.md).
SMOOTHING = 0.85


def write_int8_ir(
    source: Path,
    windows: Sequence[Tensors],
    file: Path,
    *,
    quantized: bool = False,
    progress: Callable[[int, int], None],
) -> None:
    """Write the plain, unfused ONNX graph ``source`` as an IR that computes in int8.

    ``windows`` are inputs without padding, int32 ``[1, length]``; ``progress`` is called with how
    many were computed, of how many. In the first half of the model, the second dense layer of each
    feed-forward block stays in float: its input, which comes from GELU, has so long a tail that one
    scale is too coarse for the rest of it. In the second half fewer layers follow, which would make
    such an error larger (docs/exporting.md).

    The products of two activations, queries by keys and probabilities by values, stay in float too:
    on a CPU with AMX, OpenVINO 2026.4 computes the first wrongly in int8 where the row is as long
    as a head is wide, and int8 made nothing faster there.

    A checkpoint that was trained with the rounding of int8 is used to it: if it is ``quantized``,
    all dense layers are in int8, with ranges as in that training, and SmoothQuant is off.
    """
    model = openvino.Core().read_model(source)
    computed = count(1)

    passes = 1 if quantized else 2  # for the ranges, and before it for SmoothQuant's scales

    def watched(window: Tensors) -> Tensors:
        progress(next(computed), passes * len(windows))
        return window

    ignored = _attention_products(model)
    if not quantized:
        outputs = _feed_forward_outputs(model)
        ignored += outputs[: -(-len(outputs) // 2)]
    in_int8 = nncf.quantize(
        model,
        nncf.Dataset(windows, watched),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(windows),
        ignored_scope=nncf.IgnoredScope(names=ignored),
        advanced_parameters=_as_trained() if quantized else _smoothed(SMOOTHING),
    )
    save_ir(in_int8, file)


def _as_trained() -> nncf.AdvancedQuantizationParameters:
    statistics = StatisticsCollectorParameters(
        StatisticsType.QUANTILE, AggregatorType.MEAN, quantile_outlier_prob=OUTLIERS
    )
    parameters = _smoothed(-1)
    parameters.activations_range_estimator_params = RangeEstimatorParameters(statistics, statistics)
    return parameters


def _smoothed(alpha: float) -> nncf.AdvancedQuantizationParameters:
    """Return parameters with SmoothQuant's ``alpha``; -1 switches it off."""
    return nncf.AdvancedQuantizationParameters(
        smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=alpha)
    )


def _attention_products(model: Any) -> list[str]:
    """Return the names of the matrix multiplications that have no weights."""
    return [name for name, second in _products(model) if second.get_type_name() != "Constant"]


def _feed_forward_outputs(model: Any) -> list[str]:
    """Return the multiplications by ``encoder.layer.N.output.dense``, by name, in order of N."""
    weights = re.compile(r"encoder\.layer\.(\d+)\.output\.dense\.weight")
    found = {
        int(match[1]): name
        for name, second in _products(model)
        if (match := weights.fullmatch(second.get_friendly_name()))
    }
    return [found[layer] for layer in sorted(found)]


def _products(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name of each matrix multiplication, and the node that gives its second input."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "MatMul":
            yield node.get_friendly_name(), node.input_value(1).get_node()
