"""The files of a TensorFlow checkpoint, ``<prefix>.index`` and ``.data-*``, and those beside it."""

from glob import escape
from pathlib import Path

from export.checkpoint.errors import CheckpointError
from export.checkpoint.tokenizer import tokenizer_files

CONFIGS = ("config.json", "electra_config.json", "bert_config.json")

# Google keeps vocab.txt two folders above a fine-tuned checkpoint (configure_finetuning.py)
_TOKENIZER_SEARCH = 3

_INDEX = ".index"


def is_prefix(path: Path) -> bool:
    """Whether ``path`` is the prefix of a checkpoint's files."""
    return index_file(path).is_file()


def index_file(prefix: Path) -> Path:
    """Return the file that lists the variables."""
    return prefix.with_name(prefix.name + _INDEX)


def checkpoint_files(prefix: Path) -> list[Path]:
    """Return the files that an export of ``prefix`` reads, without reading them.

    Raises CheckpointError when one is missing.
    """
    config = config_file(prefix)
    return [
        index_file(prefix),
        *_shards(prefix),
        *([config] if config else []),
        *tokenizer_files(tokenizer_folder(prefix)),
    ]


def config_file(prefix: Path) -> Path | None:
    """Return the first of ``CONFIGS`` that is beside the checkpoint, if any."""
    paths = (prefix.with_name(name) for name in CONFIGS)
    return next((path for path in paths if path.is_file()), None)


def tokenizer_folder(prefix: Path) -> Path:
    """Return the folder of the tokenizer: the checkpoint's, or one of the two above it.

    Raises CheckpointError when none of them has one.
    """
    for folder in [*prefix.absolute().parents][:_TOKENIZER_SEARCH]:
        try:
            tokenizer_files(folder)
        except CheckpointError:
            continue
        return folder
    raise CheckpointError(
        f"no vocab.txt or tokenizer.json beside {prefix}, or in the two folders above; copy "
        f"there the vocab.txt that the model was trained with"
    )


def _shards(prefix: Path) -> list[Path]:
    digits = "[0-9]" * 5
    shards = sorted(prefix.parent.glob(f"{escape(prefix.name)}.data-{digits}-of-{digits}"))
    total = int(shards[0].name.rpartition("-of-")[2]) if shards else 1
    for number in range(total):
        name = f"{prefix.name}.data-{number:05d}-of-{total:05d}"
        if prefix.with_name(name) not in shards:
            raise CheckpointError(f"checkpoint {prefix} has no {name}, which holds its variables")
    return shards
