"""The onnxruntime backend, in Python: ONNX Runtime, padding dropped."""

from collections.abc import Mapping
from functools import partial

from embedded.backends.execution import PythonModel
from embedded.backends.model_file import is_on_gpu, model_path, request_shape, thread_count
from embedded.backends.onnx_session import available_providers, load_on_cpu, open_session
from embedded.backends.providers import wanted_providers
from embedded.backends.rows import Computation, compute_rows, on_gpu


class TritonPythonModel(PythonModel):
    """A model of this backend."""

    def load(self, args: Mapping[str, str]) -> Computation:
        """Return what computes a batch, on the CPU or on a GPU."""
        path, threads = model_path(args), thread_count(args)
        if not is_on_gpu(args):
            return load_on_cpu(path, threads)
        model = open_session(path, wanted_providers(args, available_providers()), threads)
        return partial(compute_rows, model=model, cutting=on_gpu(request_shape(args)))
