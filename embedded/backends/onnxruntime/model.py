"""The onnxruntime backend, in Python: ONNX Runtime, padding dropped."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from embedded.backends.execution import check_numpy, respond
from embedded.backends.model_file import model_path, sequence_length, thread_count
from embedded.backends.providers import check_providers, wanted_providers
from qa import tensors


class TritonPythonModel:
    """What Triton's Python stub creates for a model instance, and calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model."""
        check_numpy()
        self._sequence_length = sequence_length(args)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = thread_count(args)
        # when a run has ended its threads would spin on, on the cores that Triton needs next
        options.add_session_config_entry("session.force_spinning_stop", "1")
        providers = wanted_providers(args, onnxruntime.get_available_providers())
        self._session = onnxruntime.InferenceSession(
            str(model_path(args)), options, providers=providers, enable_fallback=False
        )
        check_providers(providers, self._session.get_providers())

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the requests of one execution."""
        return respond(requests, self._model, self._sequence_length)

    def _model(
        self, inputs: Mapping[str, NDArray[np.int32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        start, end = self._session.run(list(tensors.OUTPUTS), dict(inputs))
        return start, end
