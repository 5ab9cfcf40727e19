"""TensorFlow without Keras, of which nothing here is, and whose import takes as long as its own.

Keras imports Matplotlib, and scikit-learn where it is installed. TensorFlow imports Keras, and
does without where it is not to be had.
"""

import sys

sys.modules.setdefault("keras", None)  # type: ignore[arg-type]

import tensorflow as tf  # noqa: E402

__all__ = ["tf"]
