"""Makes the model files of each variant; every step runs in its own process.

Graphs are traced once, without weights. A *source* is a graph with its weights, in a folder of
its own; fp32 and fp16 ONNX variants are copies of one, int8 and OpenVINO are converted from one.
"""

import copy
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import onnx

from embedded.gpu import Gpu
from export.checkpoint.config import ElectraConfig
from export.checkpoint.reader import read_checkpoint
from export.graphs.calibration import calibration_windows
from export.graphs.onnx_file import write_onnx
from export.isolation import Progress
from export.variants import RUNTIMES, Graph, Variant


@dataclass(frozen=True)
class Materials:
    """What the variants of one export are made from."""

    checkpoint: Path
    config: ElectraConfig
    tokenizer: Path
    sequence_length: int
    calibration: Path  # SQuAD file on which static int8 measures its scales
    sources: Path  # folder of the graphs and sources
    quantized: bool = False  # the checkpoint was trained with the rounding of int8
    gpu: Gpu | None = None  # on which its variants are compared and measured


def trace(config: ElectraConfig, names: Sequence[Graph], folder: Path) -> None:
    """Write the graphs ``names``, without weights, into ``folder``."""
    from export.graphs.half import to_fp16
    from export.graphs.onnx_graph import fused_graph, plain_graph
    from export.graphs.packing import pack

    fused = cache(partial(fused_graph, config))
    half = cache(lambda: to_fp16(fused()))
    graphs: dict[Graph, Callable[[], onnx.ModelProto]] = {
        "plain": partial(plain_graph, config),
        "fused": fused,
        "half": half,
        "packed": lambda: pack(copy.deepcopy(half())),
    }
    for name in names:
        onnx.save(graphs[name](), folder / f"{name}.graph")


def make(variant: Variant, materials: Materials, file: Path, *, progress: Progress) -> None:
    """Write the model ``file`` of ``variant``, with the files that belong beside it."""
    file.parent.mkdir(parents=True)
    if variant.graph is None:
        from export.graphs.savedmodel import write_savedmodel

        checkpoint = read_checkpoint(materials.checkpoint)
        write_savedmodel(checkpoint, file, half=variant.precision == "fp16")
        return
    source = source_file(variant.graph, materials)
    if variant.calibrated:
        from export.graphs.openvino_int8 import write_int8_ir

        windows = calibration_windows(
            materials.calibration, materials.tokenizer, materials.sequence_length
        )
        write_int8_ir(source, windows, file, quantized=materials.quantized, progress=progress)
    elif variant.format == "openvino":
        from export.graphs.openvino_ir import write_ir

        write_ir(source, file)
    elif variant.precision == "int8":
        from export.graphs.onnx_int8 import write_int8

        write_int8(source, file)
    else:
        shutil.copytree(source.parent, file.parent, dirs_exist_ok=True)


def source_file(name: Graph, materials: Materials) -> Path:
    """Return the file of the graph ``name`` with its weights, written the first time."""
    file = materials.sources / name / RUNTIMES["onnx"].file_name
    if not file.exists():
        file.parent.mkdir()
        graph = onnx.load(materials.sources / f"{name}.graph")
        write_onnx(graph, read_checkpoint(materials.checkpoint), file)
    return file
