"""A TensorFlow SavedModel of a checkpoint, in fp32 or fp16."""

from pathlib import Path

from export.checkpoint.reader import Checkpoint
from export.errors import ExportError
from export.graphs.electra import logits
from export.graphs.graph_weights import graph_shapes, graph_weight
from export.tensorflow import tf
from qa.tensors import INPUTS

SIGNATURE = "serving_default"


def write_savedmodel(checkpoint: Checkpoint, path: Path, *, half: bool = False) -> None:
    """Write the folder ``path`` with one signature, ``serving_default``.

    It takes int32 and gives float32 ``[batch, sequence]`` under the names of ``qa.tensors``.
    With ``half``, the embedding tables and all dense layers except the last are float16. Raises
    ExportError when it cannot be written.
    """
    module = tf.Module()
    module.weights = {
        name: tf.Variable(
            graph_weight(checkpoint, name),
            dtype=tf.float16 if half and _may_be_half(name) else tf.float32,
            trainable=False,
            name=name,
        )
        for name in graph_shapes(checkpoint.config)
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


def _may_be_half(name: str) -> bool:
    """Whether fp16 is enough: for all but LayerNorm, the scale of the softmax, and the logits."""
    return name.startswith(("embeddings", "encoder.")) and ".LayerNorm." not in name
