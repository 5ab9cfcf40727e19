"""TensorFlow and the converters, imported without their talk of CPU features and versions."""

import logging
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from embedded.backends.tensorflow_alone import tf  # before tf2onnx, which imports TensorFlow

import tf2onnx  # isort: skip

tf.config.set_visible_devices([], "GPU")  # it traces and proves; a GPU is ONNX Runtime's here

for _name in ("tensorflow", "tf2onnx", "onnxruntime"):
    logging.getLogger(_name).setLevel(logging.ERROR)

__all__ = ["tf", "tf2onnx"]
