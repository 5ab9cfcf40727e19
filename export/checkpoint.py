"""A fine-tuned checkpoint: the reader of Hugging Face folders."""

from dataclasses import dataclass
from pathlib import Path

from export.config import FILE_NAME as CONFIG
from export.config import ElectraConfig, read_config
from export.errors import ExportError
from export.tokenizer import read_tokenizer, tokenizer_files
from export.weights import FILE_NAME as WEIGHTS
from export.weights import Weights, read_weights

PICKLE = "pytorch_model.bin"


@dataclass(frozen=True)
class Checkpoint:
    """All that an export takes from a folder."""

    path: Path
    config: ElectraConfig
    weights: Weights  # float32, named and shaped as export.weights.weight_shapes says
    tokenizer_json: str
    ignored: tuple[str, ...]  # tensors of the file that the model has no use for


def checkpoint_files(folder: Path) -> list[Path]:
    """Return the files of ``folder`` that an export reads, without reading them.

    Raises ExportError when one is missing, or when the weights are there only as a pickle.
    """
    if not folder.is_dir():
        raise ExportError(f"checkpoint {folder} is not a folder")
    if not (folder / WEIGHTS).is_file() and (folder / PICKLE).is_file():
        raise ExportError(
            f"{folder} has only {PICKLE}, a pickle, which runs any code that is in it when it is "
            f"read; if you trust it, convert it: python -c 'import transformers as t; "
            f't.ElectraForQuestionAnswering.from_pretrained("{folder}").save_pretrained("{folder}")\''
        )
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ExportError(f"checkpoint {folder} has no {name}")
    return [folder / CONFIG, folder / WEIGHTS, *tokenizer_files(folder)]


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read and check a folder with ``config.json``, ``model.safetensors`` and a tokenizer.

    Raises ExportError for anything that would not give a right model.
    """
    checkpoint_files(folder)
    config = read_config(folder / CONFIG)
    tokenizer_json = read_tokenizer(folder, config.vocab_size)
    weights, ignored = read_weights(folder / WEIGHTS, config)
    return Checkpoint(folder, config, weights, tokenizer_json, ignored)
