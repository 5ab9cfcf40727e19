"""A TensorFlow SavedModel of a checkpoint."""

from pathlib import Path

from export.checkpoint import Checkpoint
from export.electra import graph_weights, logits
from export.errors import ExportError
from export.quiet import tf
from qa.tensors import INPUTS

SIGNATURE = "serving_default"


def write_savedmodel(checkpoint: Checkpoint, path: Path) -> None:
    """Write the folder ``path`` with one signature, ``serving_default``.

    It takes int32 and gives float32 ``[batch, sequence]`` under the names of ``qa.tensors``.
    Raises ExportError when it cannot be written.
    """
    module = tf.Module()
    module.weights = {
        name: tf.Variable(values, trainable=False, name=name)
        for name, values in graph_weights(checkpoint).items()
    }

    def serve(**inputs: object) -> dict[str, object]:
        return logits(checkpoint.config, module.weights, inputs)

    specs = {name: tf.TensorSpec([None, None], tf.int32, name=name) for name in INPUTS}
    # no Python control flow depends on tensors, so there is nothing for autograph to rewrite
    function = tf.function(serve, autograph=False).get_concrete_function(**specs)
    try:
        tf.saved_model.save(module, str(path), signatures={SIGNATURE: function})
    except tf.errors.OpError as error:
        raise ExportError(f"cannot write {path}: {error.message}") from error
