"""The folder that a training writes, in Hugging Face's layout, for ``make export`` to read."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from export.checkpoint.added_tokens import SETTINGS
from export.checkpoint.config import FILE_NAME as CONFIG
from export.checkpoint.config import MODEL_TYPE, ElectraConfig
from export.checkpoint.tokenizer import FILE_NAME as TOKENIZER
from export.checkpoint.tokenizer_settings import GENERIC
from training.card import model_card
from training.electra import Electra
from training.initial import INITIALIZER_RANGE, WEIGHTS
from training.recipe import BaseRecipe
from training.result import Result, write_result


def write_model(folder: Path, model: Electra, tokenizer_json: str, result: Result) -> None:
    """Write config, float16 weights, tokenizer, model card and result."""
    write_weights(folder, model.state_dict())
    write_config(folder, "ElectraForQuestionAnswering", model.config, result.recipe)
    write_tokenizer(folder, tokenizer_json)
    write_result(folder, result)
    (folder / "README.md").write_text(model_card(folder.name, model, result))


def write_weights(folder: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Write the tensors in float16."""
    halves = {name: tensor.cpu().half().contiguous() for name, tensor in weights.items()}
    save_file(halves, folder / WEIGHTS, metadata={"format": "pt"})


def write_tokenizer(folder: Path, tokenizer_json: str) -> None:
    """Write the tokenizer, with the class of transformers that does only what its file says.

    Other classes lower-case unless a setting says that they must not.
    """
    (folder / TOKENIZER).write_text(tokenizer_json, encoding="utf-8")
    names = {"unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"}
    settings = {f"{name}_token": token for name, token in names.items()}
    settings["tokenizer_class"] = GENERIC
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n")


def write_config(
    folder: Path, architecture: str, config: ElectraConfig, recipe: BaseRecipe
) -> None:
    """Write ``config.json`` for ``architecture``, a class of transformers."""
    content = {
        "architectures": [architecture],
        "model_type": MODEL_TYPE,
        **asdict(config),
        "hidden_act": "gelu",
        "hidden_dropout_prob": recipe.dropout,
        "attention_probs_dropout_prob": recipe.attention_dropout,
        "initializer_range": INITIALIZER_RANGE,
        "pad_token_id": 0,
        "torch_dtype": str(torch.float16).removeprefix("torch."),
    }
    (folder / CONFIG).write_text(json.dumps(content, indent=2) + "\n")


def round_to_half(model: nn.Module) -> None:
    """Round the weights to float16, so that what is measured is what is written."""
    for parameter in model.parameters():
        parameter.data = parameter.data.half().float()
