"""The tensorflow backend, in Python: a SavedModel, padding dropped."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedded.backends.execution import check_numpy, respond
from embedded.backends.model_file import allows_tf32, model_path, sequence_length, thread_count
from qa import tensors


def configure(args: Mapping[str, str]) -> None:
    """Set up TensorFlow, which runs this one model, by the model's config."""
    tf.config.threading.set_intra_op_parallelism_threads(thread_count(args))
    if (allowed := allows_tf32(args)) is not None:
        tf.config.experimental.enable_tensor_float_32_execution(allowed)


class TritonPythonModel:
    """What Triton's Python stub creates for a model instance, and calls."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model."""
        check_numpy()
        self._sequence_length = sequence_length(args)
        configure(args)
        # the loaded object owns the variables that the signature reads
        self._loaded = tf.saved_model.load(str(model_path(args)))
        self._signature = self._loaded.signatures["serving_default"]

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the requests of one execution."""
        return respond(requests, self._model, self._sequence_length)

    def _model(
        self, inputs: Mapping[str, NDArray[np.int32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        outputs = self._signature(**{name: tf.constant(array) for name, array in inputs.items()})
        return outputs[tensors.START_LOGITS].numpy(), outputs[tensors.END_LOGITS].numpy()
