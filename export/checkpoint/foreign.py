"""Weights in formats that are not read: what each is, and what to do with it."""

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from export.checkpoint.errors import CheckpointError
from export.checkpoint.pickles import transformers_conversion

LFS_POINTER = b"version https://git-lfs.github.com/spec/"

# what transformers and its kin call their files, what they are, and how transformers reads them
_FORMATS = (
    ("tf_model*.h5", "Keras's, of transformers' TensorFlow classes", "from_tf=True"),
    ("*.h5", "Keras's", "from_tf=True"),
    ("*.keras", "Keras's", "from_tf=True"),
    ("flax_model*.msgpack", "of transformers' Flax classes", "from_flax=True"),
)
_ADVICE = (
    (
        "adapter_model.*",
        "an adapter of peft, which is not a model by itself: merge it into its model with "
        "merge_and_unload(), and save that with save_pretrained",
    ),
    ("*.gguf", "llama.cpp's: export the model that it was made from"),
    ("*.onnx", "a graph already: export the model that it was made from"),
    ("rust_model.ot", "rust-bert's: export the model that it was made from"),
    ("*.safetensors", "under another name: call it model.safetensors"),
)


def describe(source: str, names: Iterable[str], target: str) -> str | None:
    """Say what the first of the weight files ``names`` of ``source`` is, and what to do with it.

    ``source`` is a folder or a repository of the hub, ``target`` the folder that a conversion
    writes. None where there is none of a known format.
    """
    files = sorted(names)
    for pattern, whose, option in _FORMATS:
        for name in (name for name in files if fnmatch(name, pattern)):
            command = transformers_conversion(source, target, options=option)
            return f"{name} is {whose}: save it for torch with transformers 4, {command}"
    for pattern, advice in _ADVICE:
        for name in (name for name in files if fnmatch(name, pattern)):
            return f"{name} is {advice}"
    return None


def refuse_pointers(paths: Iterable[Path]) -> None:
    """Raise CheckpointError when one of ``paths`` is git-lfs's pointer to a file, not the file."""
    for path in paths:
        with path.open("rb") as file:
            if file.read(len(LFS_POINTER)) == LFS_POINTER:
                raise CheckpointError(
                    f"{path} is a git-lfs pointer, not the file itself; install git-lfs and run "
                    f"`git lfs pull` in {path.parent}"
                )
