"""A fine-tuned checkpoint: a Hugging Face folder, or TensorFlow's files with one prefix."""

from dataclasses import dataclass
from pathlib import Path

import export.checkpoint.tensorflow_files as tensorflow
from export.checkpoint.config import FILE_NAME as CONFIG
from export.checkpoint.config import ElectraConfig, architectures, config_notices, config_of
from export.checkpoint.errors import CheckpointError
from export.checkpoint.json_file import read_json
from export.checkpoint.other_formats import describe, refuse_pickles, refuse_pointers
from export.checkpoint.tensorflow_checkpoint import read_tensorflow
from export.checkpoint.tokenizer import read_tokenizer, tokenizer_files
from export.checkpoint.training import FILE_NAME as TRAINING
from export.checkpoint.training import was_quantized
from export.checkpoint.weights import FILE_NAME as WEIGHTS
from export.checkpoint.weights import INDEX, Weights, read_weights, weight_files


@dataclass(frozen=True)
class Checkpoint:
    """What an export takes from a checkpoint."""

    path: Path  # a folder, or a prefix; reading it again gives the same
    config: ElectraConfig
    weights: Weights  # float32, named and shaped as export.checkpoint.weights.weight_shapes says
    tokenizer_json: str
    ignored: tuple[str, ...]  # tensors of the files that the model does not use
    notices: tuple[str, ...] = ()  # sentences for the user
    quantized: bool = False  # it was trained with the rounding of int8


def checkpoint_exists(source: Path) -> bool:
    """Whether there is a folder ``source``, or a TensorFlow checkpoint with this prefix."""
    return source.is_dir() or tensorflow.is_prefix(source)


def checkpoint_files(source: Path) -> list[Path]:
    """Return the files that an export of ``source`` reads, without reading the weights.

    Raises CheckpointError when one is missing, or when the weights are there only as a pickle.
    """
    if source.is_dir():
        _check_folder(source)
        files = [source / CONFIG, *weight_files(source), *tokenizer_files(source)]
        files += [source / TRAINING] if was_quantized(source) else []
        refuse_pointers(files)
        return files
    if tensorflow.is_prefix(source):
        files = tensorflow.checkpoint_files(source)
        refuse_pointers(files)
        return files
    if source.is_file():
        refuse_pickles(source, WEIGHTS)
        raise CheckpointError(f"checkpoint {source} is a file; {_hint(source.parent)}")
    raise CheckpointError(
        f"checkpoint {source} is not a folder, nor a TensorFlow checkpoint: there is no "
        f"{tensorflow.index_file(source)}"
    )


def read_checkpoint(source: Path) -> Checkpoint:
    """Read and check a checkpoint.

    ``source`` is a folder with ``config.json``, ``model.safetensors`` and a tokenizer, or the
    prefix of a TensorFlow checkpoint with a tokenizer beside it. Raises CheckpointError for
    anything that would not give a correct model.
    """
    checkpoint_files(source)
    return _read_folder(source) if source.is_dir() else _read_tensorflow(source)


def _read_folder(folder: Path) -> Checkpoint:
    values = read_json(folder / CONFIG)
    config = config_of(folder / CONFIG, values)
    tokenizer = read_tokenizer(folder, config.vocab_size, values)
    found = read_weights(folder, config, architectures(values))
    notices = [*config_notices(values), *tokenizer.notices, *_notices(found.ignored)]
    if found.prefix:
        notices.append(f"the names of all tensors begin with {found.prefix}, which was removed")
    return Checkpoint(
        folder,
        config,
        found.weights,
        tokenizer.text,
        found.ignored,
        tuple(notices),
        was_quantized(folder),
    )


def _read_tensorflow(source: Path) -> Checkpoint:
    found = read_tensorflow(source)
    folder = tensorflow.tokenizer_folder(source)
    notices = [*_notices(found.ignored), *found.notices]
    if folder != source.absolute().parent:
        notices.append(f"the tokenizer was taken from {folder}")
    tokenizer = read_tokenizer(folder, found.config.vocab_size, {})
    notices += tokenizer.notices
    return Checkpoint(
        source, found.config, found.weights, tokenizer.text, found.ignored, tuple(notices)
    )


def _check_folder(folder: Path) -> None:
    has_weights = any((folder / name).is_file() for name in (WEIGHTS, INDEX))
    if not has_weights:
        refuse_pickles(folder, WEIGHTS)
    if not has_weights or not (folder / CONFIG).is_file():
        lacking = CONFIG if has_weights else WEIGHTS
        names = [path.name for path in folder.iterdir()]
        if not has_weights and (found := describe(str(folder), names, str(folder))):
            raise CheckpointError(f"checkpoint {folder} has no {WEIGHTS}, but {found}")
        raise CheckpointError(f"checkpoint {folder} has no {lacking}; {_hint(folder)}")


def _hint(folder: Path) -> str:
    """Say which checkpoint of ``folder`` may have been meant."""
    prefixes = sorted(path.with_suffix("") for path in folder.glob("*.index"))
    if prefixes:
        return f"for the TensorFlow checkpoint in it, give {prefixes[-1]}"
    return "give a folder as save_pretrained writes it, or the prefix of a TensorFlow checkpoint"


def _notices(ignored: tuple[str, ...]) -> tuple[str, ...]:
    if not ignored:
        return ()
    return (f"ignored, as the model does not use them: {', '.join(ignored)}",)
