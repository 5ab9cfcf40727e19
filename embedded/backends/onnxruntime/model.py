"""The onnxruntime backend, in Python: ONNX Runtime on the CPU, padding dropped."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from embedded.backends.execution import check_numpy, respond
from embedded.backends.model_file import model_path, thread_count
from qa import tensors


class TritonPythonModel:
    """What Triton's Python stub creates for a model instance, and calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model."""
        check_numpy()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = thread_count(args)
        self._session = onnxruntime.InferenceSession(
            str(model_path(args)), options, providers=["CPUExecutionProvider"]
        )

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the requests of one execution."""
        return respond(requests, self._model)

    def _model(
        self, inputs: Mapping[str, NDArray[np.int32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        start, end = self._session.run(list(tensors.OUTPUTS), dict(inputs))
        return start, end
