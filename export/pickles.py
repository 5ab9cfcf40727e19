"""Weights in pickles: never read, but refused with the command that converts them."""

import json
import shlex
from pathlib import Path

from export.errors import ExportError

_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")

_WHY = "a pickle, which runs any code that is in it when it is read"


def refuse_pickles(source: Path, target: str) -> None:
    """Raise ExportError when ``source`` is a pickle, or a folder with one.

    The error gives the command that writes the safetensors file ``target`` beside the pickle.
    """
    files = sorted(source.iterdir()) if source.is_dir() else [source]
    pickles = [path for path in files if is_pickle(path.name) and path.is_file()]
    if len(pickles) == 1:
        (pickle,) = pickles
        raise ExportError(
            f"{pickle} is {_WHY}; convert it with torch, which reads only its tensors: "
            f"{_conversion(pickle, pickle.with_name(target))}"
        )
    if pickles:
        raise ExportError(
            f"{source} has its weights in {len(pickles)} files like {pickles[0].name}, each "
            f"{_WHY}; if you trust them, convert them: "
            f"{transformers_conversion(str(source), str(source))}"
        )


def is_pickle(name: str) -> bool:
    """Whether a file of this name is taken for a pickle of torch's."""
    return name.endswith(_SUFFIXES) and name != "training_args.bin"


def transformers_conversion(source: str, target: str, revision: str | None = None) -> str:
    """Return the shell command by which transformers saves ``source`` in the folder ``target``.

    ``source`` is a folder or, at ``revision``, a repository of the hub.
    """
    given = _literal(source) + (f", revision={_literal(revision)}" if revision else "")
    return _python(
        "import transformers as t; "
        f"t.AutoTokenizer.from_pretrained({given}).save_pretrained({_literal(target)}); "
        f"t.ElectraForQuestionAnswering.from_pretrained({given})"
        f".save_pretrained({_literal(target)})"
    )


def _conversion(pickle: Path, target: Path) -> str:
    """Return the shell command that rewrites a state dict, or what Lightning puts it into."""
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
