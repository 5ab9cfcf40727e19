"""The onnxruntime backend, in Python: ONNX Runtime, padding dropped."""

from collections.abc import Mapping, Sequence
from typing import Any

from embedded.backends.execution import check_numpy, respond
from embedded.backends.model_file import is_on_gpu, model_path, request_shape, thread_count
from embedded.backends.onnx_session import available_providers, open_session
from embedded.backends.providers import wanted_providers
from embedded.backends.rows import ON_CPU, on_gpu


class TritonPythonModel:
    """What Triton's Python stub creates for a model instance, and calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model."""
        check_numpy()
        self._shape = request_shape(args)
        self._cutting = on_gpu(self._shape) if is_on_gpu(args) else ON_CPU
        providers = wanted_providers(args, available_providers())
        self._model = open_session(model_path(args), providers, thread_count(args))

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the requests of one execution."""
        return respond(requests, self._model, self._shape.sequence_length, self._cutting)
