"""The openvino backend, in Python: OpenVINO on the CPU, padding dropped."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedded.backends.execution import check_numpy, respond
from embedded.backends.model_file import model_path, parameters, thread_count
from embedded.backends.openvino_ir import compile_ir
from qa import tensors

#: Lengths are rounded up to a multiple of it. OpenVINO makes kernels for each shape that it has
#: not met: its first inference takes twice the time, and they stay, at 5 MB a shape and more.
LENGTH_STEP = 32


class TritonPythonModel:
    """What Triton's Python stub creates for a model instance, and calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model."""
        check_numpy()
        compiled = compile_ir(model_path(args), parameters(args), thread_count(args))
        self._request = compiled.create_infer_request()

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the requests of one execution."""
        return respond(requests, self._model)

    def _model(
        self, inputs: Mapping[str, NDArray[np.int32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        length = inputs[tensors.INPUT_IDS].shape[1]
        padding = ((0, 0), (0, -length % LENGTH_STEP))
        padded = {name: np.pad(values, padding) for name, values in inputs.items()}
        results = self._request.infer(padded, share_inputs=True)
        start, end = (results[name][:, :length] for name in tensors.OUTPUTS)
        return start, end
