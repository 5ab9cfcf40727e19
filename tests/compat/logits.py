"""The logits of one model file: ``logits.py MODEL WINDOWS.npz LOGITS.npz``.

Runs in any environment that has numpy and the runtime of the file; imports nothing of ours.
Prints the runtime's version before it opens the file. WINDOWS and LOGITS hold the model's inputs
and outputs by their name, ``[windows, sequence]``.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

BATCH_SIZE = 8
OUTPUTS = ("start_logits", "end_logits")

Arrays = Mapping[str, Any]


def load_onnx(path: str) -> Callable[[Arrays], Arrays]:
    import onnxruntime

    print(onnxruntime.__version__, flush=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda inputs: dict(zip(OUTPUTS, session.run(OUTPUTS, inputs), strict=True))


def load_savedmodel(path: str) -> Callable[[Arrays], Arrays]:
    import tensorflow as tf

    print(tf.__version__, flush=True)
    loaded = tf.saved_model.load(path)

    def model(inputs: Arrays) -> Arrays:
        results = loaded.signatures["serving_default"](
            **{name: tf.constant(values) for name, values in inputs.items()}
        )
        return {name: results[name].numpy() for name in OUTPUTS}

    return model


def main(path: str, windows_file: str, logits_file: str) -> None:
    model = load_onnx(path) if path.endswith(".onnx") else load_savedmodel(path)
    windows = dict(np.load(windows_file))
    count = len(next(iter(windows.values())))
    batches = [
        model({name: values[first : first + BATCH_SIZE] for name, values in windows.items()})
        for first in range(0, count, BATCH_SIZE)
    ]
    np.savez(
        logits_file, **{name: np.concatenate([each[name] for each in batches]) for name in OUTPUTS}
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
