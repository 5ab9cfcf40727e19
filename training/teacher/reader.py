"""A model for question answering as transformers loads it, with its tokenizer."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from qa.windows import Windows
from training.errors import TrainingError
from training.initial import HEADS, draw_weights
from training.recipe import BaseRecipe
from training.teacher.mpnet import MPNET, mpnet_folder
from training.teacher.windows import Layout, layout_of

HEAD = HEADS[0]  # of question answering, as most architectures in transformers name it

# the names that BERT's and DistilBERT's relatives have for it; others keep their own dropout
_DROPOUT = ("hidden_dropout_prob", "dropout")
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")


class Reader(nn.Module):
    """The model, with the inputs and outputs of ``training.electra.Electra``."""

    def __init__(self, model: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.model = model
        self.padding = layout.padding
        self.has_types = (
            layout.has_types and "token_type_ids" in inspect.signature(model.forward).parameters
        )

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return start and end logits, float32 ``[batch, sequence]``.

        The inputs are integers ``[batch, sequence]``; the mask is 1 at tokens, 0 at padding.
        """
        # some count positions from the ids that are not padding
        inputs = {"input_ids": input_ids.masked_fill(attention_mask == 0, self.padding)}
        if self.has_types:
            inputs["token_type_ids"] = token_type_ids
        found = self.model(**inputs, attention_mask=attention_mask)
        return found.start_logits.float(), found.end_logits.float()


@dataclass(frozen=True)
class Loaded:
    """A reader, and what makes its windows."""

    reader: Reader
    layout: Layout
    tokenizer: Any  # of transformers
    longest: int  # tokens that it can read at once

    def windows(self, question: str, context: str) -> Windows:
        """Return windows as long as it can read; raises WindowError."""
        return self.layout.windows(question, context, self.longest)

    def __str__(self) -> str:
        """Its class, sizes and number of weights."""
        model = self.reader.model
        config, weights = model.config, sum(each.numel() for each in model.parameters())
        sizes = f"{config.num_hidden_layers} layers of {config.hidden_size}"
        return f"{type(model).__name__}, {sizes}, {weights / 1e6:.1f} M weights, all finite"

    def save(self, folder: Path) -> None:
        """Write weights, config and tokenizer in Hugging Face's layout."""
        self.reader.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def read_reader(name: str, recipe: BaseRecipe | None = None) -> Loaded:
    """Read the package ``MPNET``, a folder in Hugging Face's layout, or ``owner/name`` of the hub.

    With a ``recipe``, it has that recipe's dropout, and its seed decides the weights of a head
    that is missing; without one, a missing head is an error. Raises TrainingError when it is not
    there, or is no encoder that can be used.
    """
    transformers = _transformers()
    with _folder(name) as folder:
        try:
            config = transformers.AutoConfig.from_pretrained(folder)
            if recipe:
                _set_dropout(config, recipe)
            model, report = transformers.AutoModelForQuestionAnswering.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                weights_only=True,  # no code in a pickle is run
                output_loading_info=True,
            )
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        except (OSError, ValueError, RuntimeError, SafetensorError, UnpicklingError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise TrainingError(f"transformers cannot load {name}: {reason}") from error
    _fill_head(name, model, sorted(report["missing_keys"]), recipe)
    if wrong := [each for each, value in model.named_parameters() if not value.isfinite().all()]:
        raise TrainingError(f"the weights of {name} are not finite: {wrong[0]}")
    if not tokenizer.is_fast:
        raise TrainingError(f"{name} has no fast tokenizer (tokenizer.json)")
    padding = 0 if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    unknown = -1 if tokenizer.unk_token_id is None else tokenizer.unk_token_id
    layout = layout_of(tokenizer.backend_tokenizer, padding=padding, unknown=unknown)
    return Loaded(Reader(model, layout), layout, tokenizer, longest_of(model, tokenizer))


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise TrainingError(
            "a teacher needs transformers, which is not installed; the extra `teacher` has it, "
            "and `make teacher` installs it"
        ) from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


@contextmanager
def _folder(name: str) -> Iterator[str]:
    if name == MPNET:
        with mpnet_folder() as folder:
            yield str(folder)
    else:
        yield str(Path(name).expanduser()) if name.startswith("~") else name


def _set_dropout(config: Any, recipe: BaseRecipe) -> None:
    for names, share in (
        (_DROPOUT, recipe.dropout),
        (_ATTENTION_DROPOUT, recipe.attention_dropout),
    ):
        for each in names:
            if hasattr(config, each):
                setattr(config, each, share)


def _fill_head(name: str, model: nn.Module, missing: list[str], recipe: BaseRecipe | None) -> None:
    if not missing:
        return
    if lacking := [each for each in missing if not each.startswith(HEAD)]:
        raise TrainingError(f"the weights of {name} lack {len(lacking)} tensors: {lacking[0]}, ...")
    if recipe is None:
        raise TrainingError(
            f"{name} was not fine-tuned for question answering: its weights lack {missing[0]}; "
            "`make teacher` fine-tunes it"
        )
    draw_weights(model.qa_outputs, torch.Generator().manual_seed(recipe.seed))


def longest_of(model: nn.Module, tokenizer: Any) -> int:
    """Return how many tokens ``model`` can read, by its table of positions and its tokenizer."""
    limits: list[int | None] = [
        tokenizer.model_max_length,
        getattr(model.config, "max_position_embeddings", None),
    ]
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            # RoBERTa's relatives count from the position after that of padding
            first = 0 if module.padding_idx is None else module.padding_idx + 1
            limits.append(module.num_embeddings - first)
    return min(each for each in limits if each)
