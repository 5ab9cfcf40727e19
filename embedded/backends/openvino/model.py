"""The openvino backend, in Python: OpenVINO on the CPU, padding dropped."""

from collections.abc import Mapping

from embedded.backends.execution import PythonModel
from embedded.backends.model_file import model_path, parameters, thread_count
from embedded.backends.openvino_ir import load_on_cpu
from embedded.backends.rows import Computation


class TritonPythonModel(PythonModel):
    """A model of this backend."""

    def load(self, args: Mapping[str, str]) -> Computation:
        """Return what computes a batch, on the CPU."""
        return load_on_cpu(model_path(args), parameters(args), thread_count(args))
