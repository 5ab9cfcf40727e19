"""EM and F1 of a model in torch, in float32, with the windows and spans of serving."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn

from qa.metric import Scores, evaluate, evaluate_v2
from qa.spans import best_answers, null_difference
from qa.squad import Example, has_unanswerable
from qa.tensors import PADDING_LOGIT
from qa.windows import Windows, make_windows
from training.electra import Electra
from training.place import Place, set_precision
from training.threshold import best_threshold
from training.windows import Cut

QUESTIONS_AT_ONCE = 256  # whose windows are sorted by length together
WINDOWS_AT_ONCE = 32

Logits = tuple[NDArray[np.float32], NDArray[np.float32]]  # start and end, [n, sequence]


@dataclass(frozen=True)
class Prediction:
    """The best span, and by how much the empty answer is ahead of it."""

    answer: str
    null_difference: float


def predict(
    model: Electra,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    max_seq_len: int,
    place: Place,
) -> Iterator[Prediction]:
    """Yield the predictions for ``examples``, in their order, with windows as in serving.

    Raises qa.windows.WindowError for a question or context without any text.
    """
    cut = partial(make_windows, tokenizer, sequence_length=max_seq_len)
    return predict_by(model, cut, examples, place)


def predict_by(
    model: nn.Module, cut: Cut, examples: Sequence[Example], place: Place
) -> Iterator[Prediction]:
    """Yield the predictions for ``examples``, in their order, with the windows that ``cut`` makes.

    ``model`` has the inputs and outputs of ``training.electra.Electra``. Raises as ``cut`` does.
    """
    set_precision("fp32", place.device)
    model.to(place.device).eval()
    for first in range(0, len(examples), QUESTIONS_AT_ONCE):
        some = examples[first : first + QUESTIONS_AT_ONCE]
        yield from _predict(model, cut, some, place)


def _predict(
    model: nn.Module, cut: Cut, examples: Sequence[Example], place: Place
) -> Iterator[Prediction]:
    all_windows = [cut(each.question, each.context) for each in examples]
    start, end = model_logits(model, all_windows, place)
    first = 0
    for example, windows in zip(examples, all_windows, strict=True):
        rows = slice(first, first + len(windows))
        best, *_ = best_answers(windows, example.context, start[rows], end[rows])
        difference = null_difference(windows, start[rows], end[rows])
        yield Prediction(best.answer, difference)
        first += len(windows)


def model_logits(model: nn.Module, all_windows: Sequence[Windows], place: Place) -> Logits:
    """Return the logits of all windows, in their order; each batch is as long as its longest."""
    ids, mask, types = (
        np.concatenate([getattr(each, name) for each in all_windows])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    )
    start = np.full(ids.shape, PADDING_LOGIT, dtype=np.float32)
    end = start.copy()
    order = np.argsort(mask.sum(axis=1), kind="stable")
    for at in range(0, len(order), WINDOWS_AT_ONCE):
        rows = order[at : at + WINDOWS_AT_ONCE]
        longest = int(mask[rows].sum(axis=1).max())
        inputs = (
            torch.from_numpy(each[rows, :longest]).to(place.device) for each in (ids, mask, types)
        )
        with torch.inference_mode():
            starts, ends = model(*inputs)
        start[rows, :longest], end[rows, :longest] = starts.cpu(), ends.cpu()
    return start, end


def score(
    examples: Sequence[Example], predictions: Sequence[Prediction], threshold: float
) -> Scores:
    """Return EM and F1 of ``predictions``, one to each of ``examples``.

    A question gets its best span. In data with questions that have no answer, it gets the empty
    answer instead when that is ahead by more than ``threshold``.
    """
    if not has_unanswerable(examples):
        return evaluate(examples, [each.answer for each in predictions])
    answers = ["" if each.null_difference > threshold else each.answer for each in predictions]
    return evaluate(examples, answers)


def choose_threshold(examples: Sequence[Example], predictions: Sequence[Prediction]) -> float:
    """Return the threshold with the highest F1 on ``examples``, by SQuAD 2.0's metric."""
    return best_threshold(
        [each.null_difference for each in predictions],
        [
            evaluate_v2([example], [each.answer]).f1
            for example, each in zip(examples, predictions, strict=True)
        ],
        [evaluate_v2([example], [""]).f1 for example in examples],
    )
