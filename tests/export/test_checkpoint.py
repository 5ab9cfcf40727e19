"""The reader: what it accepts, and clear messages for what it refuses."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from export.checkpoint.config import ElectraConfig
from export.checkpoint.errors import CheckpointError
from export.checkpoint.reader import checkpoint_exists, checkpoint_files, read_checkpoint
from export.checkpoint.weights import weight_shapes

BUNDLED = Path(__file__).parents[2] / "checkpoints" / "electra-mini-squad"
GOLDEN = Path(__file__).parent / "golden"
QUERY = "electra.encoder.layer.1.attention.self.query.weight"
Change = Callable[..., None]


def refuse(folder: Path, *words: str) -> None:
    with pytest.raises(CheckpointError) as raised:
        read_checkpoint(folder)
    message = str(raised.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_golden(folder: Path) -> None:
    checkpoint = read_checkpoint(folder)
    assert checkpoint.config.hidden_size == 24
    assert checkpoint.ignored == ()
    (notice,) = checkpoint.notices
    assert notice.startswith("nothing says whether text is lower-cased: vocab.txt has no capitals")
    assert len(checkpoint.weights) == 5 + 3 * 16 + 2
    assert {values.dtype for values in checkpoint.weights.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("sizes", "parameters"),  # as many as transformers' ElectraForQuestionAnswering has
    [
        ({}, 13_483_522),
        ({"embedding_size": 768, "hidden_size": 768, "intermediate_size": 3072}, 108_893_186),
        (
            {
                "embedding_size": 1024,
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "num_hidden_layers": 24,
            },
            334_094_338,
        ),
    ],
    ids=["small", "base", "large"],
)
def test_number_of_parameters(sizes: dict[str, int], parameters: int) -> None:
    shapes = weight_shapes(ElectraConfig(**sizes))
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == parameters


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_becomes_float32(
    folder: Path, change_tensors: Change, dtype: type[Any]
) -> None:
    exact = read_checkpoint(folder).weights
    change_tensors(lambda tensors: tensors.update({k: v.astype(dtype) for k, v in tensors.items()}))
    for name, values in read_checkpoint(folder).weights.items():
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, exact[name].astype(dtype).astype(np.float32))


def test_names_without_prefix(folder: Path, change_tensors: Change) -> None:
    exact = read_checkpoint(folder).weights

    def strip(tensors: dict[str, Any]) -> None:
        for name in list(tensors):
            tensors[name.removeprefix("electra.")] = tensors.pop(name)

    change_tensors(strip)
    found = read_checkpoint(folder).weights
    for name, values in exact.items():
        np.testing.assert_array_equal(found[name], values)


def test_other_tensors_are_ignored_and_named(folder: Path, change_tensors: Change) -> None:
    extra = {"electra.embeddings.position_ids": np.arange(128)[None]}
    change_tensors(lambda tensors: tensors.update(extra))
    checkpoint = read_checkpoint(folder)
    assert checkpoint.ignored == ("electra.embeddings.position_ids",)
    ignored = "ignored, as the model does not use them: electra.embeddings.position_ids"
    assert checkpoint.notices.count(ignored) == 1


def renamed(change_tensors: Change, rename: Callable[[str], str]) -> None:
    def change(tensors: dict[str, Any]) -> None:
        for name in list(tensors):
            tensors[rename(name)] = tensors.pop(name)

    change_tensors(change)


def old_layer_norm(name: str) -> str:
    name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
    return name.replace("LayerNorm.bias", "LayerNorm.beta")


@pytest.mark.parametrize(
    ("rename", "prefix"),
    [
        (old_layer_norm, None),
        (lambda name: f"module.{name}", "module."),
        (lambda name: f"model.{name}", "model."),
        (lambda name: f"discriminator.{name}", "discriminator."),
        (lambda name: f"model.module.{old_layer_norm(name)}", "model.module."),
        (lambda name: f"module.{name.removeprefix('electra.')}", "module."),
    ],
)
def test_other_names(
    folder: Path, change_tensors: Change, rename: Callable[[str], str], prefix: str | None
) -> None:
    exact = read_checkpoint(folder).weights
    renamed(change_tensors, rename)
    found = read_checkpoint(folder)
    assert found.ignored == ()
    for name, values in exact.items():
        np.testing.assert_array_equal(found.weights[name], values)
    said = [notice for notice in found.notices if "which was removed" in notice]
    assert said == (
        [f"the names of all tensors begin with {prefix}, which was removed"] if prefix else []
    )


def test_a_prefix_that_not_all_share(folder: Path, change_tensors: Change) -> None:
    renamed(change_tensors, lambda name: f"discriminator.{name}")
    change_tensors(lambda tensors: tensors.update({"generator.a": np.ones(2, np.float32)}))
    refuse(
        folder,
        "lacks 55 of 55 tensors",
        "56 tensors of discriminator, generator",
        "save_pretrained",
    )


def test_names_of_tensorflow(folder: Path, change_tensors: Change) -> None:
    renamed(change_tensors, lambda name: f"tf_electra/{name.replace('.', '/')}:0")
    refuse(folder, "lacks 55 of 55", "names are TensorFlow's", "from_tf=True")


def test_an_adapter(folder: Path, change_tensors: Change) -> None:
    renamed(change_tensors, lambda name: f"base_model.{name}.lora_A.weight")
    refuse(folder, "an adapter of peft", "merge_and_unload()")


@pytest.mark.parametrize(
    "other", ["embeddings.LayerNorm.weight", "electra.embeddings.LayerNorm.gamma"]
)
def test_one_tensor_twice(folder: Path, change_tensors: Change, other: str) -> None:
    change_tensors(lambda tensors: tensors.update({other: np.ones(24, np.float32)}))
    refuse(folder, other, "electra.embeddings.LayerNorm.weight", "the same tensor")


def test_layers_that_the_config_does_not_count(folder: Path, change_config: Change) -> None:
    change_config(num_hidden_layers=1)
    refuse(folder, "model.safetensors has 3 layers, num_hidden_layers is 1 in config.json")


def test_projection_that_the_config_does_not_count(folder: Path, change_tensors: Change) -> None:
    extra = {"electra.embeddings_project.weight": np.ones((24, 24), np.float32)}
    change_tensors(lambda tensors: tensors.update(extra))
    refuse(folder, "a projection of the embeddings, embedding_size is 24 like hidden_size")


def test_missing_tensor(folder: Path, change_tensors: Change) -> None:
    change_tensors(lambda tensors: tensors.pop(QUERY))
    refuse(folder, "model.safetensors lacks 1 of", QUERY.removeprefix("electra."))


def test_no_head(folder: Path, change_tensors: Change, change_config: Change) -> None:
    change_tensors(lambda t: [t.pop("qa_outputs.weight"), t.pop("qa_outputs.bias")])
    change_config(architectures=["ElectraForPreTraining"])
    refuse(folder, "qa_outputs.weight", "ElectraForPreTraining has no question answering head")


def test_tensors_tell_the_head_and_not_the_config(folder: Path, change_config: Change) -> None:
    change_config(architectures=["ElectraForPreTraining"])
    assert read_checkpoint(folder).weights["qa_outputs.bias"].shape == (2,)


@pytest.fixture
def shards(folder: Path) -> Path:
    """The weights in two files; returns their index."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    path.unlink()
    files = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    held = {name: files[number % 2] for number, name in enumerate(tensors)}
    for file in files:
        save_file({k: v for k, v in tensors.items() if held[k] == file}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": held}))
    return index


def test_shards(shards: Path) -> None:
    exact = load_file(GOLDEN / "plain" / "model.safetensors")
    found = read_checkpoint(shards.parent)
    for name, values in found.weights.items():
        stored = name if name.startswith("qa_outputs") else f"electra.{name}"
        np.testing.assert_array_equal(values, exact[stored])
    assert len(checkpoint_files(shards.parent)) == 5


def test_missing_shard(shards: Path) -> None:
    (shards.parent / "model-00002-of-00002.safetensors").unlink()
    refuse(shards.parent, "no model-00002-of-00002.safetensors", "index.json names")


def test_truncated_shard(shards: Path) -> None:
    path = shards.parent / "model-00002-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    refuse(shards.parent, "model-00002-of-00002.safetensors is truncated")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("{}", "no weight_map"),
        ('{"weight_map": {"a": "../b"}}', "'../b', which is not a file beside it"),
        ('{"weight_map": {"a": 1}}', "1, which is not a file beside it"),
    ],
)
def test_malformed_index(shards: Path, text: str, words: str) -> None:
    shards.write_text(text)
    refuse(shards.parent, "model.safetensors.index.json", words)


def test_wrong_shape(folder: Path, change_tensors: Change) -> None:
    change_tensors(lambda tensors: tensors.update({QUERY: np.ones((24, 12), np.float32)}))
    refuse(folder, QUERY, "[24, 12]", "[24, 24]")


def test_wrong_dtype(folder: Path, change_tensors: Change) -> None:
    change_tensors(lambda tensors: tensors.update({QUERY: np.ones((24, 24), np.int8)}))
    refuse(folder, QUERY, "I8", "F32")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_a_number(folder: Path, change_tensors: Change, value: float) -> None:
    change_tensors(lambda tensors: tensors[QUERY].__setitem__((3, 4), value))
    refuse(folder, QUERY, "NaN or infinity")


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_truncated(folder: Path, keep: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    refuse(folder, "model.safetensors is truncated or not a safetensors file")


def test_tampered_header(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes().replace(b'"data_offsets":[0,', b'"data_offsets":[8,', 1))
    refuse(folder, "model.safetensors is truncated or not a safetensors file")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"model_type": "bert", "architectures": ["BertForQuestionAnswering"]},
            ["model_type is 'bert' (BertForQuestionAnswering)", "'electra'"],
        ),
        ({"model_type": "deberta-v2"}, ["model_type is 'deberta-v2'"]),
        ({"model_type": None, "architectures": ["BertForQuestionAnswering"]}, ["None", "Bert"]),
        ({"is_decoder": True}, ["is_decoder is True"]),
        ({"pruned_heads": {"0": [1]}}, ["pruned_heads is {'0': [1]}"]),
        ({"quantization_config": {"bits": 4}}, ["quantization_config is {'bits': 4}"]),
        ({"hidden_act": "relu"}, ["hidden_act", "'relu'"]),
        ({"position_embedding_type": "relative_key"}, ["position_embedding_type"]),
        ({"num_attention_heads": 5}, ["hidden_size 24", "num_attention_heads 5"]),
        ({"num_hidden_layers": "3"}, ["num_hidden_layers", "'3'"]),
        ({"vocab_size": 0}, ["vocab_size is 0"]),
        ({"intermediate_size": True}, ["intermediate_size is True"]),
        ({"layer_norm_eps": -1.0}, ["layer_norm_eps is -1.0"]),
        ({"vocab_size": 50}, ["vocab.txt", "ids up to 108", "50 rows"]),
        ({"num_hidden_layers": 4}, ["lacks 16 of", "encoder.layer.3"]),
    ],
)
def test_config(
    folder: Path, change_config: Change, values: dict[str, Any], words: list[str]
) -> None:
    change_config(**values)
    refuse(folder, *words)


def test_the_architecture_tells_the_model_type(folder: Path) -> None:
    drop_from_config(folder, "model_type")
    assert (
        "config.json has no model_type; by ElectraForQuestionAnswering it is electra"
        in read_checkpoint(folder).notices
    )
    drop_from_config(folder, "architectures")
    refuse(folder, "model_type is None")


def drop_from_config(folder: Path, *names: str) -> None:
    path = folder / "config.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in values.items() if k not in names}))


def test_config_defaults(folder: Path) -> None:
    exact = read_checkpoint(folder).config
    drop_from_config(folder, "type_vocab_size", "layer_norm_eps", "hidden_act")
    assert read_checkpoint(folder).config == exact


def test_embedding_size_is_128_by_default(folder: Path) -> None:
    drop_from_config(folder, "embedding_size")
    refuse(folder, "lacks 2 of", "embeddings_project.weight, embeddings_project.bias")


@pytest.mark.parametrize("text", ["", "{", "[]", "\udcff"])
def test_malformed_config(folder: Path, text: str) -> None:
    (folder / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    refuse(folder, "config.json")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refuse(folder, f"has no {name}")


def test_missing_folder(tmp_path: Path) -> None:
    refuse(tmp_path / "nowhere", "nowhere is not a folder")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "last.ckpt", "it's.pt"])
def test_pickle(folder: Path, name: str) -> None:
    """Given in its folder or by its own path; the command is one that a shell understands."""
    pickle = (folder / "model.safetensors").rename(folder / name)
    for other in ("training_args.bin", "optimizer.pt", "rng_state.pth"):
        (folder / other).touch()
    for source in (folder, pickle):
        with pytest.raises(CheckpointError, match="a pickle, which runs any code") as raised:
            read_checkpoint(source)
        message = str(raised.value)
        python, option, code = shlex.split(message[message.index("python -c") :])
        assert (python, option) == ("python", "-c")
        compile(code, "command", "exec")
        assert json.dumps(str(pickle)) in code
        assert json.dumps(str(folder / "model.safetensors")) in code
        assert "weights_only=True" in code


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tf_model.h5", ["Keras's", "transformers 4", "from_tf=True"]),
        ("flax_model.msgpack", ["Flax", "from_flax=True"]),
        ("adapter_model.safetensors", ["peft", "merge_and_unload()"]),
        ("electra.safetensors", ["rename it to model.safetensors"]),
        ("model.onnx", ["a graph already"]),
    ],
)
def test_weights_of_another_format(folder: Path, name: str, words: list[str]) -> None:
    (folder / "model.safetensors").rename(folder / name)
    refuse(folder, f"has no model.safetensors, but {name}", *words)


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.txt", "config.json"])
def test_pointer_of_git_lfs(folder: Path, name: str) -> None:
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    refuse(folder, f"{name} is a git-lfs pointer", "git lfs pull")


def test_pickle_in_parts(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model-00001-of-00002.bin")
    (folder / "pytorch_model-00002-of-00002.bin").touch()
    refuse(folder, "in 2 files like pytorch_model-00001-of-00002.bin", "save_pretrained")


def test_file(folder: Path) -> None:
    refuse(folder / "model.safetensors", "model.safetensors is a file", "give a folder")


@pytest.mark.parametrize(
    ("text", "quantized"),
    [
        ('{"recipe": {"quantized": true}}', True),
        ('{"recipe": {"quantized": false}}', False),
        ('{"recipe": {}}', False),
        ('{"recipe": "somebody else\'s"}', False),
        ("[1, 2]", False),
        ("no JSON", False),
    ],
)
def test_a_training_with_the_rounding_of_int8(folder: Path, text: str, quantized: bool) -> None:
    assert not read_checkpoint(folder).quantized
    (folder / "training.json").write_text(text)
    assert read_checkpoint(folder).quantized == quantized
    assert (folder / "training.json" in checkpoint_files(folder)) == quantized


def test_exists(folder: Path) -> None:
    assert checkpoint_exists(folder)
    assert not checkpoint_exists(folder / "nowhere")


def test_no_tokenizer(folder: Path) -> None:
    (folder / "vocab.txt").unlink()
    refuse(folder, "tokenizer.json", "vocab.txt", "save_pretrained")


@pytest.mark.parametrize("text", ["", "{}", '{"version": "1.0"}'])
def test_malformed_tokenizer(folder: Path, text: str) -> None:
    (folder / "tokenizer.json").write_text(text)
    refuse(folder, "tokenizer.json is not a tokenizer")


def test_vocabulary_without_separator(folder: Path) -> None:
    path = folder / "vocab.txt"
    path.write_text(path.read_text().replace("[SEP]", "sep"))
    refuse(folder, "vocab.txt has no token [SEP]")


def test_tokenizer_without_separator(folder: Path) -> None:
    text = read_checkpoint(folder).tokenizer_json.replace("[SEP]", "[sep]")
    (folder / "tokenizer.json").write_text(text)
    refuse(folder, "tokenizer.json has no token [SEP]")


def test_setting_of_another_type(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": "yes"}')
    refuse(folder, "do_lower_case is 'yes'", "true or false")


def test_malformed_tokenizer_config(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("{")
    refuse(folder, "tokenizer_config.json is not valid JSON")


@pytest.mark.parametrize(("lower", "tokens"), [(True, ["a", "##b"]), (False, ["[UNK]"])])
def test_vocabulary_alone_obeys_the_settings(folder: Path, lower: bool, tokens: list[str]) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lower}))
    tokenizer = Tokenizer.from_str(read_checkpoint(folder).tokenizer_json)
    assert tokenizer.encode("AB", add_special_tokens=False).tokens == tokens


def test_vocabulary_alone_gives_the_same_tokens(tmp_path: Path) -> None:
    for name in ("vocab.txt", "tokenizer_config.json", "config.json", "model.safetensors"):
        (tmp_path / name).symlink_to(BUNDLED / name)
    built = Tokenizer.from_str(read_checkpoint(tmp_path).tokenizer_json)
    saved = Tokenizer.from_str((BUNDLED / "tokenizer.json").read_text(encoding="utf-8"))
    saved.no_truncation()
    saved.no_padding()
    text = "Café Zoë's naïve 漢字\tisn't \u200b[SEP] unaffable €1,234.5 🙂 שלום."
    assert built.encode(text, "b").ids == saved.encode(text, "b").ids
    assert built.encode(text).offsets == saved.encode(text).offsets
