"""The openvino backend, in Python: OpenVINO on the CPU, padding dropped."""

from collections.abc import Mapping, Sequence
from typing import Any

from embedded.backends.execution import check_numpy, respond
from embedded.backends.model_file import model_path, parameters, request_shape, thread_count
from embedded.backends.openvino_ir import load_on_cpu


class TritonPythonModel:
    """What Triton's Python stub creates for a model instance, and calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model."""
        check_numpy()
        self._sequence_length = request_shape(args).sequence_length
        self._compute = load_on_cpu(model_path(args), parameters(args), thread_count(args))

    def execute(self, requests: Sequence[Any]) -> None:
        """Answer the requests of one execution."""
        respond(requests, self._compute, self._sequence_length)
