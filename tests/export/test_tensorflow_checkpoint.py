"""TensorFlow checkpoints, written by TensorFlow under Google's and NVIDIA's names.

The names are spelled out here a second time, as the scopes and attributes by which those two
programs make their variables.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from export.checkpoint.errors import CheckpointError
from export.checkpoint.reader import checkpoint_files, read_checkpoint
from export.tensorflow import tf
from tests.export.conftest import GOLDEN

Arrays = dict[str, NDArray[Any]]
Write = Callable[[Arrays, Path], None]

QUERY = {
    "google": "electra/encoder/layer_1/attention/self/query/kernel",
    "nvidia": "electra/encoder/layer/1/attention/self_attention/query/kernel",
}


def google_arrays(weights: Mapping[str, NDArray[np.float32]], layers: int) -> Arrays:
    """Name tensors as tf.layers does in the scopes of google-research/electra."""
    names = {
        **{
            f"embeddings/{kind}_embeddings": f"embeddings.{kind}_embeddings.weight"
            for kind in KINDS
        },
        **layer_norm("embeddings/LayerNorm", "embeddings.LayerNorm"),
        **dense("embeddings_project", "embeddings_project"),
    }
    for number in range(layers):
        here, there = f"encoder/layer_{number}", f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            names |= dense(f"{here}/attention/self/{part}", f"{there}.attention.self.{part}")
        names |= dense(f"{here}/attention/output/dense", f"{there}.attention.output.dense")
        names |= layer_norm(
            f"{here}/attention/output/LayerNorm", f"{there}.attention.output.LayerNorm"
        )
        names |= dense(f"{here}/intermediate/dense", f"{there}.intermediate.dense")
        names |= dense(f"{here}/output/dense", f"{there}.output.dense")
        names |= layer_norm(f"{here}/output/LayerNorm", f"{there}.output.LayerNorm")
    arrays = {
        f"electra/{k}": as_stored(weights, name) for k, name in names.items() if name in weights
    }
    kernel, bias = weights["qa_outputs.weight"], weights["qa_outputs.bias"]
    for column, layer in enumerate(("dense", "dense_1")):
        arrays[f"task_specific/squad/{layer}/kernel"] = kernel[column][:, None]
        arrays[f"task_specific/squad/{layer}/bias"] = bias[[column]]
    return arrays


def nvidia_arrays(weights: Mapping[str, NDArray[np.float32]], layers: int) -> Arrays:
    """Name tensors by the attributes of the Keras layers of NVIDIA's ELECTRA."""
    names = {
        "embeddings/weight": "embeddings.word_embeddings.weight",
        **{
            f"embeddings/{kind}_embeddings/embeddings": f"embeddings.{kind}_embeddings.weight"
            for kind in KINDS[1:]
        },
        **layer_norm("embeddings/LayerNorm", "embeddings.LayerNorm"),
        **dense("embeddings_project", "embeddings_project"),
    }
    for number in range(layers):
        here, there = f"encoder/layer/{number}", f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            names |= dense(
                f"{here}/attention/self_attention/{part}", f"{there}.attention.self.{part}"
            )
        names |= dense(f"{here}/attention/dense_output/dense", f"{there}.attention.output.dense")
        names |= layer_norm(
            f"{here}/attention/dense_output/LayerNorm", f"{there}.attention.output.LayerNorm"
        )
        names |= dense(f"{here}/intermediate/dense", f"{there}.intermediate.dense")
        names |= dense(f"{here}/bert_output/dense", f"{there}.output.dense")
        names |= layer_norm(f"{here}/bert_output/LayerNorm", f"{there}.output.LayerNorm")
    arrays = {
        f"electra/{k}": as_stored(weights, name) for k, name in names.items() if name in weights
    }
    head = dense("qa_outputs", "qa_outputs")
    return arrays | {k: as_stored(weights, name) for k, name in head.items()}


KINDS = ("word", "position", "token_type")


def dense(here: str, there: str) -> dict[str, str]:
    return {f"{here}/kernel": f"{there}.weight", f"{here}/bias": f"{there}.bias"}


def layer_norm(here: str, there: str) -> dict[str, str]:
    return {f"{here}/gamma": f"{there}.weight", f"{here}/beta": f"{there}.bias"}


def as_stored(weights: Mapping[str, NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    values = weights[name]
    is_kernel = values.ndim == 2 and "_embeddings." not in name
    return values.T if is_kernel else values


def write_google(arrays: Arrays, prefix: Path) -> None:
    """Save by the op that TF1's Saver runs, with the slots of Google's optimizer."""
    slots = {
        f"{name}/{slot}": np.zeros_like(values)
        for name, values in arrays.items()
        for slot in ("adam_m", "adam_v")
    }
    variables = arrays | slots | {"global_step": np.int64(12500)}
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=[*variables],
        shape_and_slices=[""] * len(variables),
        tensors=[tf.constant(values) for values in variables.values()],
    )


def write_nvidia(arrays: Arrays, prefix: Path) -> None:
    """Save as TF2 does: objects with attributes, and the slots of an optimizer that took a step."""
    root: Any = tf.Module()
    variables = []
    for path, values in arrays.items():
        *parents, last = path.split("/")
        node = root
        for parent in parents:
            if isinstance(node, list):
                node.extend(tf.Module() for _ in range(int(parent) + 1 - len(node)))
                node = node[int(parent)]
            else:
                if not hasattr(node, parent):
                    setattr(node, parent, [] if parent == "layer" else tf.Module())
                node = getattr(node, parent)
        variables.append(tf.Variable(values))
        setattr(node, last, variables[-1])
    optimizer = tf.compat.v1.train.AdamOptimizer(0.0)  # Keras 3's have no slots of this kind
    some = variables[:2] + variables[-2:]  # each takes its time
    optimizer.apply_gradients([(tf.zeros_like(variable), variable) for variable in some])
    attributes = {name: getattr(root, name) for name in {path.split("/")[0] for path in arrays}}
    tf.train.Checkpoint(**attributes, optimizer=optimizer).write(str(prefix))


LAYOUTS = {"google": (google_arrays, write_google), "nvidia": (nvidia_arrays, write_nvidia)}


class Written:
    """A checkpoint of a golden model, and how to write it with a change."""

    def __init__(self, layout: str, golden: str, folder: Path) -> None:
        self.layout = layout
        self.exact = read_checkpoint(GOLDEN / golden)
        name, self._write = LAYOUTS[layout]
        self.arrays = name(self.exact.weights, self.exact.config.num_hidden_layers)
        self.prefix = folder / "model.ckpt-12500"
        shutil.copy(GOLDEN / golden / "vocab.txt", folder)
        self.config(num_attention_heads=self.exact.config.num_attention_heads)

    def config(self, **values: Any) -> None:
        self.prefix.with_name("electra_config.json").write_text(json.dumps(values))

    def write(self) -> Path:
        self._write(self.arrays, self.prefix)
        return self.prefix

    def refuse(self, *words: str) -> None:
        with pytest.raises(CheckpointError) as raised:
            read_checkpoint(self.prefix)
        message = str(raised.value)
        assert "\n" not in message
        for word in words:
            assert word in message

    @property
    def data(self) -> Path:
        return self.prefix.with_name(f"{self.prefix.name}.data-00000-of-00001")


@pytest.fixture(params=LAYOUTS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Written:
    return Written(request.param, "plain", tmp_path)


@pytest.fixture
def google(tmp_path: Path) -> Written:
    return Written("google", "plain", tmp_path)


@pytest.fixture
def nvidia(tmp_path: Path) -> Written:
    return Written("nvidia", "plain", tmp_path)


@pytest.mark.parametrize("golden", ["plain", "projected"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_are_those_of_the_golden_model(layout: str, golden: str, tmp_path: Path) -> None:
    written = Written(layout, golden, tmp_path)
    found = read_checkpoint(written.write())
    assert found.config == written.exact.config
    assert found.tokenizer_json == written.exact.tokenizer_json
    assert list(found.weights) == list(written.exact.weights)
    for name, values in written.exact.weights.items():
        np.testing.assert_array_equal(found.weights[name], values)
    assert found.ignored == ()
    assert [notice for notice in found.notices if "of the training itself" in notice]


def test_files(written: Written) -> None:
    prefix = written.write()
    assert {path.name for path in checkpoint_files(prefix)} == {
        "model.ckpt-12500.index",
        "model.ckpt-12500.data-00000-of-00001",
        "electra_config.json",
        "vocab.txt",
    }


def test_heads_by_the_size(google: Written) -> None:
    """Without a config, hidden size / 64: 128 makes two."""
    google.prefix.with_name("electra_config.json").unlink()
    wide = {24: 128, 72: 512}
    google.arrays = {
        name: np.ones([wide.get(size, size) for size in values.shape], np.float32)
        for name, values in google.arrays.items()
    }
    found = read_checkpoint(google.write())
    assert found.config.hidden_size == 128
    assert found.config.num_attention_heads == 2
    assert any("taken to be 2 (hidden size / 64" in notice for notice in found.notices)


def test_vocabulary_where_google_keeps_it(tmp_path: Path) -> None:
    folder = tmp_path / "electra_base" / "finetuning_models" / "squad_model_1"
    folder.mkdir(parents=True)
    google = Written("google", "plain", folder)
    (folder / "vocab.txt").rename(tmp_path / "electra_base" / "vocab.txt")
    found = read_checkpoint(google.write())
    assert found.tokenizer_json == google.exact.tokenizer_json
    assert f"the tokenizer was taken from {tmp_path / 'electra_base'}" in found.notices


def test_no_vocabulary(written: Written) -> None:
    written.prefix.with_name("vocab.txt").unlink()
    written.write()
    written.refuse("no vocab.txt", "beside", "model.ckpt-12500")


def test_answerability_is_ignored(google: Written) -> None:
    google.arrays["task_specific/squad/dense_2/kernel"] = np.ones((24, 1), np.float32)
    assert read_checkpoint(google.write()).ignored == ("task_specific/squad/dense_2/kernel",)


def test_google_joint_head(google: Written) -> None:
    google.arrays["task_specific/squad/qa_hidden/kernel"] = np.ones((48, 512), np.float32)
    google.arrays["task_specific/squad/dense_1/kernel"] = np.ones((512, 1), np.float32)
    google.write()
    google.refuse("Google's joint head", "start and end logits", '"joint_prediction": false')


def test_nvidia_joint_head(nvidia: Written) -> None:
    for name in ("kernel", "bias"):
        del nvidia.arrays[f"qa_outputs/{name}"]
    nvidia.arrays["start_logits/dense/kernel"] = np.ones((24, 1), np.float32)
    nvidia.arrays["end_logits/dense_0/kernel"] = np.ones((48, 24), np.float32)
    nvidia.write()
    nvidia.refuse("NVIDIA's joint head", "start and end logits", '--joint_head ""')


def test_two_heads(google: Written) -> None:
    for name in [name for name in google.arrays if name.startswith("task_specific/squad/")]:
        google.arrays[name.replace("squad", "newsqa")] = google.arrays[name]
    google.write()
    google.refuse("2 question answering heads", "task_specific/newsqa, task_specific/squad")


def test_other_head(google: Written) -> None:
    for name in [name for name in google.arrays if name.startswith("task_specific/squad/")]:
        del google.arrays[name]
    google.arrays["task_specific/mnli/dense/kernel"] = np.ones((24, 3), np.float32)
    google.write()
    google.refuse("no question answering head", "task_specific/mnli", "fine-tune")


def test_no_head(written: Written) -> None:
    for name in [name for name in written.arrays if not name.startswith("electra/")]:
        del written.arrays[name]
    written.write()
    written.refuse("no question answering head", "fine-tune")


def test_other_architecture(google: Written) -> None:
    google.arrays = {k.replace("electra", "bert"): v for k, v in google.arrays.items()}
    google.write()
    google.refuse("no variables of ELECTRA", "those of bert")


def test_other_variables(google: Written) -> None:
    google.arrays = {"w": np.ones(3, np.float32)}
    google.write()
    google.refuse("no variables of ELECTRA", "but global_step, w")


def test_missing_tensor(written: Written) -> None:
    del written.arrays[QUERY[written.layout]]
    written.write()
    written.refuse("lacks 1 of", QUERY[written.layout])


def test_missing_embedding(written: Written) -> None:
    (name,) = [name for name in written.arrays if "position_embeddings" in name]
    del written.arrays[name]
    written.write()
    written.refuse("lacks 1 of 4", "position_embeddings")


def test_wrong_shape(written: Written) -> None:
    written.arrays[QUERY[written.layout]] = np.ones((24, 12), np.float32)
    written.write()
    written.refuse(QUERY[written.layout], "[24, 12]", "[24, 24]")


def test_wrong_dtype(written: Written) -> None:
    written.arrays[QUERY[written.layout]] = np.ones((24, 24), np.float64)
    written.write()
    written.refuse(QUERY[written.layout], "float64", "float32")


def test_not_a_number(written: Written) -> None:
    written.arrays[QUERY[written.layout]] = np.full((24, 24), np.nan, np.float32)
    written.write()
    written.refuse(QUERY[written.layout], "NaN or infinity")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"num_attention_heads": 5}, ["hidden_size 24", "num_attention_heads 5"]),
        ({"num_hidden_layers": 4}, ["num_hidden_layers is 4", "model.ckpt-12500 it is 3"]),
        ({"hidden_act": "relu", "num_attention_heads": 2}, ["hidden_act", "'relu'"]),
        ({"model_type": "bert", "num_attention_heads": 2}, ["model_type is 'bert'"]),
    ],
)
def test_config_beside(google: Written, values: dict[str, Any], words: list[str]) -> None:
    google.write()
    google.config(**values)
    google.refuse("electra_config.json", *words)


def test_vocabulary_that_does_not_fit(written: Written) -> None:
    with written.prefix.with_name("vocab.txt").open("a") as file:
        file.write("one\nmore\n")
    written.write()
    written.refuse("vocab.txt", "ids up to 110", "109 rows")


@pytest.mark.parametrize("keep", [0, 1000, 40_000])
def test_truncated_data(written: Written, keep: int) -> None:
    written.write()
    written.data.write_bytes(written.data.read_bytes()[:keep])
    written.refuse("model.ckpt-12500 is truncated or damaged")


def test_tampered_data(written: Written) -> None:
    written.write()
    content = bytearray(written.data.read_bytes())
    content[content.index(written.arrays[QUERY[written.layout]].tobytes())] ^= 1
    written.data.write_bytes(content)
    written.refuse("model.ckpt-12500 is truncated or damaged", "hecksum")


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_truncated_index(written: Written, keep: int) -> None:
    index = written.write().with_name("model.ckpt-12500.index")
    index.write_bytes(index.read_bytes()[:keep])
    written.refuse("model.ckpt-12500 is truncated or damaged")


def test_missing_shard(written: Written) -> None:
    written.write()
    written.data.rename(written.data.with_name("model.ckpt-12500.data-00000-of-00002"))
    written.refuse("has no model.ckpt-12500.data-00001-of-00002")
    written.data.with_name("model.ckpt-12500.data-00000-of-00002").unlink()
    written.refuse("has no model.ckpt-12500.data-00000-of-00001")


def test_missing_index(written: Written) -> None:
    index = written.write().with_name("model.ckpt-12500.index")
    index.unlink()
    written.refuse("not a folder, nor a TensorFlow checkpoint", str(index))


def test_folder_or_file_in_place_of_the_prefix(written: Written) -> None:
    prefix = written.write()
    for path in (prefix.parent, prefix.with_name("model.ckpt-12500.index")):
        with pytest.raises(
            CheckpointError, match=f"for the TensorFlow checkpoint in it, give {prefix}"
        ):
            read_checkpoint(path)
