"""Exact match and F1 of a variant, measured with the same Triton as its latency."""

from collections.abc import Sequence

from tokenizers import Tokenizer

from embedded.inference import make_request
from loadtest.batches.inputs import join
from loadtest.batches.triton import ModelInfo, Triton
from loadtest.errors import LoadTestError
from loadtest.result import Accuracy
from qa.metric import evaluate
from qa.spans import LogitsError, SpanOptions, best_answers
from qa.squad import Example, has_unanswerable
from qa.windows import make_windows


def measure_accuracy(
    triton: Triton,
    model: ModelInfo,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    dataset: str,
) -> Accuracy:
    """Answer ``examples`` of the file ``dataset`` with ``model``, and score the answers.

    Where some have no answer, the empty answer is given when its logit is the highest. Raises
    LoadTestError when Triton does not answer.
    """
    options = SpanOptions(null_threshold=0.0 if has_unanswerable(examples) else None)
    answers: list[str] = []
    for each in examples:
        windows = make_windows(
            tokenizer, each.question, each.context, sequence_length=model.sequence_length
        )
        logits = triton.infer(make_request(model.name, join([windows])))
        try:
            best, *_ = best_answers(windows, each.context, logits.start, logits.end, options)
        except LogitsError as error:
            raise LoadTestError(f"{model.name} on question {each.id!r}: {error}") from error
        answers.append(best.answer)
    scores = evaluate(examples, answers)
    return Accuracy(
        exact_match=scores.exact_match,
        f1=scores.f1,
        questions=scores.total,
        source=f"measured in this run, {dataset}",
    )
