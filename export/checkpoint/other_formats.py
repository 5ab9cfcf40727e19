"""Formats of weights that are not read: what each is, and how to convert it.

Torch's pickles are among them, as reading one runs any code in it.
"""

import json
import shlex
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from export.checkpoint.errors import CheckpointError

LFS_POINTER = b"version https://git-lfs.github.com/spec/"

# the names of the files, what they are, and the option with which transformers reads them
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
    ("*.safetensors", "not read under this name: rename it to model.safetensors"),
)

_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")

# pickles that transformers' Trainer leaves beside the weights
_TRAINING = ("optimizer.pt", "rng_state.pth", "scaler.pt", "scheduler.pt", "training_args.bin")

PICKLE = "a pickle, which runs any code in it when it is read"


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


def refuse_pickles(source: Path, target: str) -> None:
    """Raise CheckpointError when ``source`` is a pickle, or a folder with one.

    The error gives the command that writes the safetensors file ``target`` beside the pickle.
    """
    files = list(source.iterdir()) if source.is_dir() else [source]
    names = weight_pickles(path.name for path in files if path.is_file())
    pickles = [path for path in sorted(files) if path.name in names]
    if len(pickles) == 1:
        (pickle,) = pickles
        raise CheckpointError(
            f"{pickle} is {PICKLE}; convert it with torch, which reads only its tensors: "
            f"{_conversion(pickle, pickle.with_name(target))}"
        )
    if pickles:
        raise CheckpointError(
            f"{source} has its weights in {len(pickles)} files like {pickles[0].name}, each "
            f"{PICKLE}; if you trust them, convert them: "
            f"{transformers_conversion(str(source), str(source))}"
        )


def weight_pickles(names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that look like weights in torch's pickles."""
    pickles = [each for each in names if each.endswith(_PICKLES) and each not in _TRAINING]
    return [each for each in pickles if each.startswith("pytorch_model")] or pickles


def transformers_conversion(
    source: str, target: str, revision: str | None = None, options: str = ""
) -> str:
    """Return the shell command by which transformers saves ``source`` in the folder ``target``.

    ``source`` is a folder or, at ``revision``, a repository of the hub; ``options`` are more
    arguments, in Python, with which the model is read.
    """
    given = _literal(source) + (f", revision={_literal(revision)}" if revision else "")
    more = [options] if options else []
    return _python(
        "import transformers as t; "
        f"t.AutoTokenizer.from_pretrained({given}).save_pretrained({_literal(target)}); "
        f"t.ElectraForQuestionAnswering.from_pretrained({', '.join([given, *more])})"
        f".save_pretrained({_literal(target)})"
    )


def _conversion(pickle: Path, target: Path) -> str:
    """Return the shell command that converts a state dict, or a checkpoint of Lightning's."""
    return _python(
        "import torch, safetensors.torch as s; "
        f't = torch.load({_literal(pickle)}, "cpu", weights_only=True); '
        f's.save_file(t.get("state_dict", t), {_literal(target)})'
    )


def _python(code: str) -> str:
    return f"python -c {shlex.quote(code)}"


def _literal(value: object) -> str:
    """Return ``value`` in double quotes, which a single-quoted word of the shell may hold."""
    return json.dumps(str(value), ensure_ascii=False)
