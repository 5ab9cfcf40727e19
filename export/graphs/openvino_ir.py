"""The OpenVINO IR of a checkpoint: an .xml with the graph, and a .bin with the weights beside."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedded.backends.openvino_ir import compile_ir, openvino
from export.errors import ExportError
from export.proof.parity import Model, Tensors
from export.triton_config import OPENVINO_PARAMETERS
from qa.tensors import OUTPUTS


def write_ir(source: Path, file: Path) -> None:
    """Write the plain, unfused ONNX graph ``source`` as the IR ``file``; OpenVINO fuses it anew.

    The weights stay float32, of which a CPU makes bf16 as it loads them: one without bf16
    computes what the checkpoint holds.
    """
    save_ir(openvino.Core().read_model(source), file)


def save_ir(model: Any, file: Path) -> None:
    """Write ``model`` as the IR ``file``, with the same bytes whenever it is the same model.

    A node without a name is called after its type and a number that counts on through all
    models of a process: its place takes the number's. Raises ExportError when it cannot be written.
    """
    for place, node in enumerate(model.get_ordered_ops()):
        kind = node.get_type_name()
        if re.fullmatch(rf"{kind}_\d+", node.get_friendly_name()):
            node.set_friendly_name(f"{kind}.{place}")
    try:
        openvino.save_model(model, file, compress_to_fp16=False)
    except RuntimeError as error:  # of the stream that it writes to
        raise ExportError(f"cannot write {file}: {error}") from error


def load_openvino(path: Path) -> Model:
    """Return the model of the IR ``path``, compiled as it is where it is served."""
    threads = len(os.sched_getaffinity(0))
    request = compile_ir(path, OPENVINO_PARAMETERS, threads).create_infer_request()

    def model(inputs: Tensors) -> dict[str, NDArray[np.float32]]:
        results = request.infer(inputs)
        return {name: results[name] for name in OUTPUTS}

    return model
