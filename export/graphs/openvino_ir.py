"""The OpenVINO IR of a checkpoint: an .xml with the graph, beside it a .bin with the weights."""

import re
from pathlib import Path
from typing import Any

from embedded.backends.openvino_ir import openvino
from export.errors import ExportError


def write_ir(source: Path, file: Path) -> None:
    """Write the plain, unfused ONNX graph ``source`` as the IR ``file``; OpenVINO fuses it anew.

    The weights stay float32: OpenVINO converts them as it loads them on a CPU with bf16, and other
    CPUs compute with the checkpoint's own values.
    """
    save_ir(openvino.Core().read_model(source), file)


def save_ir(model: Any, file: Path) -> None:
    """Write ``model`` as the IR ``file``; the same model always gives the same bytes.

    OpenVINO names a node by its type and a number that counts on through all models of a process;
    here the node's place replaces that number. Raises ExportError when it cannot be written.
    """
    for place, node in enumerate(model.get_ordered_ops()):
        kind = node.get_type_name()
        if re.fullmatch(rf"{kind}_\d+", node.get_friendly_name()):
            node.set_friendly_name(f"{kind}.{place}")
    try:
        openvino.save_model(model, file, compress_to_fp16=False)
    except RuntimeError as error:  # from the stream that it writes to
        raise ExportError(f"cannot write {file}: {error}") from error
