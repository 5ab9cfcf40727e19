"""The tensorflow backend, in Python: a SavedModel, padding dropped."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from collections.abc import Mapping
from functools import partial

from embedded.backends.execution import PythonModel
from embedded.backends.lanes import Inputs, Lanes, Logits
from embedded.backends.model_file import (
    allows_tf32,
    is_on_gpu,
    model_path,
    request_shape,
    thread_count,
)
from embedded.backends.rows import Computation, compute_rows, on_gpu
from embedded.backends.tensorflow_alone import tf
from qa import tensors


def configure(args: Mapping[str, str]) -> None:
    """Set up TensorFlow by the model's config; its process runs no other model.

    Raises RuntimeError when the instance is on a GPU that TensorFlow cannot use; TensorFlow itself
    would fall back to the CPU.
    """
    tf.config.threading.set_intra_op_parallelism_threads(thread_count(args))
    if (allowed := allows_tf32(args)) is not None:
        tf.config.experimental.enable_tensor_float_32_execution(allowed)
    if not is_on_gpu(args):
        tf.config.set_visible_devices([], "GPU")
        return
    gpus = tf.config.list_physical_devices("GPU")
    number = int(args["model_instance_device_id"])
    if number >= len(gpus):
        raise RuntimeError(
            f"the instance is on GPU {number}, and TensorFlow {tf.__version__} finds {len(gpus)} "
            "GPUs: install tensorflow[and-cuda] in place of tensorflow-cpu, or give the model an "
            "instance_group of KIND_CPU"
        )
    tf.config.set_visible_devices(gpus[number], "GPU")
    tf.config.experimental.set_memory_growth(gpus[number], True)  # or it takes all memory at once


class TritonPythonModel(PythonModel):
    """A model of this backend."""

    def load(self, args: Mapping[str, str]) -> Computation:
        """Return what computes a batch, on the CPU or on a GPU."""
        configure(args)
        # the loaded object owns the variables that the signature reads
        self._loaded = tf.saved_model.load(str(model_path(args)))
        self._signature = self._loaded.signatures["serving_default"]
        if is_on_gpu(args):
            return partial(compute_rows, model=self._model, cutting=on_gpu(request_shape(args)))
        threads = thread_count(args)
        # TensorFlow's calls share its threads: lanes fill the gaps between operators
        lanes = Lanes([self._model] * threads) if threads > 1 else None
        return partial(compute_rows, model=self._model, lanes=lanes)

    def _model(self, inputs: Inputs) -> tuple[Logits, Logits]:
        outputs = self._signature(**{name: tf.constant(array) for name, array in inputs.items()})
        return outputs[tensors.START_LOGITS].numpy(), outputs[tensors.END_LOGITS].numpy()
