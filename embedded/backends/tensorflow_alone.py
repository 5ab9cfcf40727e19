"""TensorFlow without Keras, which nothing here uses and which takes as long to import.

Keras imports Matplotlib, and scikit-learn if it is installed. TensorFlow imports Keras, but works
without it.
"""

import sys

sys.modules.setdefault("keras", None)  # type: ignore[arg-type]

import tensorflow as tf  # noqa: E402

__all__ = ["tf"]
