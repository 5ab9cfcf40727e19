"""Dynamic int8 of the fused ONNX graph."""

from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.quant_utils import QuantizationMode
from onnxruntime.quantization.registry import IntegerOpsRegistry

from export.onnx_file import EXTERNAL_SUFFIX, LARGEST_FILE


def write_int8(source: Path, file: Path) -> None:
    """Write the fused graph in ``source`` with int8 weights per channel.

    Activations are quantized as they come. The second dense layer of each feed-forward block
    stays in float: its input comes out of GELU with so long a tail that one scale per tensor is
    too coarse for the rest of it.

    It is what ``quantize_dynamic`` does, but for its shape inference, which sees nothing through
    contrib operators, copies the whole model to a file and back, and does not notice a full disk.
    """
    fused = onnx.load(source)
    quantizer = ONNXQuantizer(
        fused,
        per_channel=True,
        reduce_range=False,
        mode=QuantizationMode.IntegerOps,
        static=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=None,
        nodes_to_quantize=[],
        nodes_to_exclude=_feed_forward_outputs(fused),
        op_types_to_quantize=list(IntegerOpsRegistry),
        extra_options={
            "MatMulConstBOnly": True,
            "DefaultTensorType": onnx.TensorProto.FLOAT,  # of what no one has inferred
        },
    )
    quantizer.quantize_model()
    _save(quantizer.model.model, file)


def _save(model: onnx.ModelProto, file: Path) -> None:
    large = model.ByteSize() > LARGEST_FILE
    beside = f"{file.name}{EXTERNAL_SUFFIX}" if large else None
    onnx.save(model, file, save_as_external_data=large, location=beside)


def _feed_forward_outputs(fused: onnx.ModelProto) -> list[str]:
    """Return the names of the matrix multiplications by ``encoder.layer.N.output.dense``."""
    return [
        node.name
        for node in fused.graph.node
        if node.op_type == "MatMul"
        and node.input[1].endswith(".output.dense.weight")
        and not node.input[1].endswith(".attention.output.dense.weight")
    ]
