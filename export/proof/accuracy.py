"""EM and F1 of a model file on a SQuAD dataset, by the project's own windows, spans and metric."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from embedded.gpu import Gpu
from export.isolation import Progress
from export.proof.runtime import Backend, load_backend
from export.variants import Variant
from export.windows import example_windows, stack, unstack
from qa.metric import Scores, evaluate
from qa.spans import SpanOptions, best_answers
from qa.squad import Example, has_unanswerable, read_examples
from qa.tokenizer import load_tokenizer

QUESTIONS_AT_ONCE = 256  # sorted by length among themselves, so that hardly any padding is left


def measure_accuracy(
    variant: Variant,
    file: Path,
    dataset: Path,
    tokenizer: Path,
    sequence_length: int,
    gpu: Gpu | None,
    *,
    progress: Progress,
) -> Scores:
    """Answer all questions of ``dataset`` with the model in ``file``, and score the answers.

    Where some have no answer, the empty one is given when its logit is the highest. Raises
    SquadError when ``dataset`` is not a SQuAD file.
    """
    examples = read_examples(dataset)
    backend = load_backend(variant, file, sequence_length, gpu)
    loaded = load_tokenizer(tokenizer)
    options = SpanOptions(null_threshold=0.0 if has_unanswerable(examples) else None)
    answers: list[str] = []
    for first in range(0, len(examples), QUESTIONS_AT_ONCE):
        some = examples[first : first + QUESTIONS_AT_ONCE]
        answers += _answer(backend, loaded, some, sequence_length, options)
        progress(len(answers), len(examples))
    return evaluate(examples, answers)


def _answer(
    backend: Backend,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    sequence_length: int,
    options: SpanOptions,
) -> Iterator[str]:
    windows = [example_windows(tokenizer, example, sequence_length) for example in examples]
    logits = unstack(backend(stack(windows)), windows)
    for example, each, (start, end) in zip(examples, windows, logits, strict=True):
        best, *_ = best_answers(each, example.context, start, end, options)
        yield best.answer
