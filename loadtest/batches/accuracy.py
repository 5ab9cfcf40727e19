"""Exact match and F1 of a variant, measured through the very Triton whose latency is."""

from collections.abc import Sequence

from tokenizers import Tokenizer

from loadtest.batches.inputs import join
from loadtest.batches.triton import ModelInfo, Triton, infer_request, read_logits
from loadtest.errors import LoadTestError
from loadtest.result import Accuracy
from qa.spans import LogitsError, best_answers
from qa.squad import Example, SquadError, evaluate
from qa.windows import make_windows


def measure_accuracy(
    triton: Triton,
    model: ModelInfo,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    dataset: str,
) -> Accuracy:
    """Answer ``examples`` of the file ``dataset`` with ``model``, and score the answers.

    Raises LoadTestError when Triton does not answer, or when a question has no gold answer.
    """
    answers: dict[str, str] = {}
    for each in examples:
        windows = make_windows(
            tokenizer, each.question, each.context, sequence_length=model.sequence_length
        )
        start, end = read_logits(triton.infer(infer_request(model.name, join([windows]))))
        try:
            answers[each.id] = best_answers(windows, each.context, start, end)[0].answer
        except LogitsError as error:
            raise LoadTestError(f"{model.name} on question {each.id!r}: {error}") from error
    try:
        scores = evaluate(examples, answers)
    except SquadError as error:
        raise LoadTestError(str(error)) from error
    return Accuracy(
        exact_match=scores.exact_match,
        f1=scores.f1,
        questions=scores.total,
        source=f"measured in this run, {dataset}",
    )
