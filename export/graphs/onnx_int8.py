"""Dynamic int8 of the fused ONNX graph."""

from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.quant_utils import QuantizationMode
from onnxruntime.quantization.registry import IntegerOpsRegistry

from export.graphs.layer_norm import split_skips
from export.graphs.onnx_file import EXTERNAL_SUFFIX, LARGEST_FILE, is_empty
from export.graphs.row_scales import scale_rows

_SMALL = 1024  # bytes of a tensor that shape inference may have to look into


def write_int8(source: Path, file: Path) -> None:
    """Write the fused graph in ``source`` with int8 weights per channel.

    Activations are quantized as they come, those of dense layers by a scale for each token.

    It is what ``quantize_dynamic`` does, with LayerNorm as a CPU wants it, and without its copies
    of the whole model: three in memory, and files, of which it does not notice that a disk is full.
    """
    fused = onnx.load(source)
    scale_rows(fused.graph)
    model = _quantizer(fused).quantize_model()
    split_skips(model.graph)
    large = model.ByteSize() > LARGEST_FILE
    beside = f"{file.name}{EXTERNAL_SUFFIX}" if large else None
    onnx.save(model, file, save_as_external_data=large, location=beside)


def _quantizer(fused: onnx.ModelProto) -> ONNXQuantizer:
    """Return a quantizer of ``fused`` whose model alone holds the weights.

    It copies what it is given, to files and back, to infer shapes; they need none of the weights.
    """
    quantizer = ONNXQuantizer(
        _without_weights(fused),
        per_channel=True,
        reduce_range=False,
        mode=QuantizationMode.IntegerOps,
        static=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=None,
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=list(IntegerOpsRegistry),
        extra_options={
            "MatMulConstBOnly": True,
            "DefaultTensorType": onnx.TensorProto.FLOAT,  # of what no one has inferred
        },
    )
    weights = {each.name: each for each in fused.graph.initializer}
    for each in quantizer.model.initializer():
        if is_empty(each):
            each.raw_data = weights[each.name].raw_data
            each.data_location = onnx.TensorProto.DEFAULT  # as of one that came from a file
    return quantizer


def _without_weights(fused: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of ``fused`` in which large tensors have no values."""
    bare = onnx.ModelProto()
    bare.CopyFrom(fused)
    for each in bare.graph.initializer:
        if len(each.raw_data) > _SMALL:
            each.ClearField("raw_data")
    return bare
