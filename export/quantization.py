"""Dynamic int8 of the fused ONNX graph."""

from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic


def write_int8(source: Path, file: Path) -> None:
    """Write the fused graph in ``source`` with int8 weights per channel.

    Activations are quantized as they come. The second dense layer of each feed-forward block
    stays in float: its input comes out of GELU with so long a tail that one scale per tensor is
    too coarse for the rest of it.
    """
    quantize_dynamic(
        source,  # a path: of a model in memory it would make one copy more
        file,
        per_channel=True,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=_feed_forward_outputs(onnx.load(source, load_external_data=False)),
        # the type of those tensors that shape inference cannot see through contrib operators
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def _feed_forward_outputs(fused: onnx.ModelProto) -> list[str]:
    """Return the names of the matrix multiplications by ``encoder.layer.N.output.dense``."""
    return [
        node.name
        for node in fused.graph.node
        if node.op_type == "MatMul"
        and node.input[1].endswith(".output.dense.weight")
        and not node.input[1].endswith(".attention.output.dense.weight")
    ]
