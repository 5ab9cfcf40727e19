"""TensorFlow and tf2onnx, imported with their messages on CPU features and versions silenced."""

import logging
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from embedded.backends.tensorflow_alone import tf  # before tf2onnx, which imports TensorFlow

import tf2onnx  # isort: skip

tf.config.set_visible_devices([], "GPU")  # the GPU is left to ONNX Runtime

for _name in ("tensorflow", "tf2onnx", "onnxruntime"):
    logging.getLogger(_name).setLevel(logging.ERROR)

__all__ = ["tf", "tf2onnx"]
