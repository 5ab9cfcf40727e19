"""The openvino backend, in Python: OpenVINO on the CPU, padding dropped."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedded.backends.execution import check_numpy, respond
from embedded.backends.model_file import model_path, parameters, request_shape, thread_count
from embedded.backends.openvino_ir import CUTTING, compile_ir, table_sizes
from embedded.backends.rows import RowError
from qa import tensors


class TritonPythonModel:
    """What Triton's Python stub creates for a model instance, and calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model."""
        check_numpy()
        self._sequence_length = request_shape(args).sequence_length
        compiled = compile_ir(model_path(args), parameters(args), thread_count(args))
        self._request = compiled.create_infer_request()
        self._table_sizes = table_sizes(model_path(args))

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the requests of one execution."""
        return respond(requests, self._model, self._sequence_length, CUTTING)

    def _model(
        self, inputs: Mapping[str, NDArray[np.int32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        for name, rows in self._table_sizes.items():
            if (largest := inputs[name].max()) >= rows:
                raise RowError(f"{name} holds {largest}; the model's table has {rows} rows")
        # inputs are read where they are, and outputs copied: the next inference overwrites them
        results = self._request.infer(dict(inputs), share_inputs=True)
        return results[tensors.START_LOGITS], results[tensors.END_LOGITS]
