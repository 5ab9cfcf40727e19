"""The onnxruntime backend, in Python: ONNX Runtime, padding dropped."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from embedded.backends.execution import check_numpy, respond
from embedded.backends.model_file import is_on_gpu, model_path, request_shape, thread_count
from embedded.backends.onnx_session import available_providers, load_on_cpu, open_session
from embedded.backends.providers import wanted_providers
from embedded.backends.rows import Computation, compute_rows, on_gpu


class TritonPythonModel:
    """What Triton's Python stub creates for a model instance, and calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model."""
        check_numpy()
        self._sequence_length = request_shape(args).sequence_length
        self._compute = _load(args)

    def execute(self, requests: Sequence[Any]) -> None:
        """Answer the requests of one execution."""
        respond(requests, self._compute, self._sequence_length)


def _load(args: Mapping[str, str]) -> Computation:
    """Return what computes a batch."""
    path, threads = model_path(args), thread_count(args)
    if not is_on_gpu(args):
        return load_on_cpu(path, threads)
    model = open_session(path, wanted_providers(args, available_providers()), threads)
    return partial(compute_rows, model=model, cutting=on_gpu(request_shape(args)))
