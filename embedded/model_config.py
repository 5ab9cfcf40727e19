"""The changes to a model's config that suit our backends and this machine.

Only the embedded Triton gets them; the model repository keeps a config that any Triton may load.
"""

import os
from typing import Any

from google.protobuf import text_format  # type: ignore[import-untyped]

from embedded.backends import FOLDER
from embedded.packages import has_cuda
from embedded.protocol import model_config_pb2

ModelConfig = model_config_pb2.ModelConfig

#: Preferred rows of one execution, for each core: enough to divide evenly among the cores, and few
#: enough that later requests do not wait long. Measured with onnx_int8 on 2 cores
#: (docs/performance.md).
ROWS_PER_CORE = 4


def adapted(text: str) -> str | None:
    """Return the config ``text`` as the embedded Triton gets it; None if it cannot be read.

    If the runtime can use no GPU, KIND_AUTO becomes KIND_CPU. Otherwise Triton would put instances
    on a GPU that it sees, and report so, while the CPU computes. KIND_GPU stays, and the backend
    refuses it.

    On a CPU our backends drop padding and compute rows of any lengths together. So Triton may batch
    requests of different lengths, up to a few rows for each core. A ``preferred_batch_size`` in
    ``text`` stays.
    """
    try:
        config = text_format.Parse(text, ModelConfig())
    except text_format.ParseError:
        return None  # Triton says what is wrong with it
    if not has_cuda(config.backend):
        for group in config.instance_group:
            if group.kind == group.KIND_AUTO:
                group.kind = group.KIND_CPU
    if _is_ours_on_the_cpu(config):
        for each in config.input:
            each.allow_ragged_batch = True
        batching = config.dynamic_batching
        rows = ROWS_PER_CORE * len(os.sched_getaffinity(0))
        if config.HasField("dynamic_batching") and not batching.preferred_batch_size:
            batching.preferred_batch_size.append(min(rows, config.max_batch_size))
    return str(text_format.MessageToString(config))


def _is_ours_on_the_cpu(config: Any) -> bool:
    is_ours = (FOLDER / config.backend / "model.py").is_file()
    groups = config.instance_group
    return is_ours and bool(groups) and all(each.kind == each.KIND_CPU for each in groups)
