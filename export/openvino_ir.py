"""The OpenVINO IR of a checkpoint: an .xml with the graph, and a .bin with the weights beside."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedded.backends.openvino_ir import PARAMETERS, compile_ir, openvino
from export.parity import Model, Tensors
from qa.tensors import OUTPUTS


def write_ir(source: Path, file: Path) -> None:
    """Write the plain, unfused ONNX graph ``source`` as the IR ``file``; OpenVINO fuses it anew.

    The weights stay float32, of which a CPU makes bf16 as it loads them: one without bf16
    computes what the checkpoint holds.
    """
    openvino.save_model(openvino.Core().read_model(source), file, compress_to_fp16=False)


def load_openvino(path: Path) -> Model:
    """Return the model of the IR ``path``, compiled as it is where it is served."""
    threads = len(os.sched_getaffinity(0))
    request = compile_ir(path, PARAMETERS, threads).create_infer_request()

    def model(inputs: Tensors) -> dict[str, NDArray[np.float32]]:
        results = request.infer(inputs)
        return {name: results[name] for name in OUTPUTS}

    return model
