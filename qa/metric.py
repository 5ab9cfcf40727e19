"""SQuAD's official exact match and F1, and a warning for texts that they do not suit.

The metric is that of ``evaluate-v1.1.py`` (Rajpurkar et al. 2016): lower case, punctuation and
the articles a, an, the removed, white space collapsed; the best over the gold answers counts.
That of ``evaluate-v2.0.py`` (Rajpurkar et al. 2018) differs where there is no answer, or one
that normalises to nothing.
"""

import re
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from qa.squad import Example, SquadError

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Scores:
    """Exact match and F1 in percent over ``total`` questions."""

    exact_match: float
    f1: float
    total: int


def evaluate(examples: Sequence[Example], answers: Sequence[str | None]) -> Scores:
    """Score ``answers``, one for each of ``examples``; None, for a missing one, scores 0.

    The metric is SQuAD 1.1's. It is 2.0's if a question has no gold answer, or only ones that
    normalise to nothing. Raises SquadError when there is no question.
    """
    if not all(any(map(normalize_answer, each.answers)) for each in examples):
        return evaluate_v2(examples, answers)
    pairs = zip(answers, (each.answers for each in examples), strict=True)
    return _mean([_score_v1(*pair) for pair in pairs])


def evaluate_v2(examples: Sequence[Example], answers: Sequence[str | None]) -> Scores:
    """Score ``answers`` as ``evaluate`` does, by SQuAD 2.0's metric.

    Gold answers that normalise to nothing do not count. If there is no other, the right answer is
    the empty one, or any that normalises to nothing.
    """
    golds = (
        tuple(gold for gold in each.answers if normalize_answer(gold)) or ("",) for each in examples
    )
    pairs = zip(answers, golds, strict=True)
    return _mean([_score_v2(*pair) for pair in pairs])


Score = tuple[float, float]  # exact match and F1, 0 to 1


def _score_v1(answer: str | None, golds: Sequence[str]) -> Score:
    if answer is None:
        return 0.0, 0.0
    return max(exact_match(answer, gold) for gold in golds), max(f1(answer, gold) for gold in golds)


def _score_v2(answer: str | None, golds: Sequence[str]) -> Score:
    if golds != ("",):
        return _score_v1(answer, golds)
    is_empty = answer is not None and not normalize_answer(answer)
    return float(is_empty), float(is_empty)


def _mean(scores: Sequence[Score]) -> Scores:
    if not scores:
        raise SquadError("there is no question to score")
    matches, f1s = map(sum, zip(*scores, strict=True))
    total = len(scores)
    return Scores(exact_match=100 * matches / total, f1=100 * f1s / total, total=total)


def exact_match(prediction: str, gold: str) -> float:
    """Return 1.0 when the normalised texts are equal, else 0.0."""
    return float(normalize_answer(prediction) == normalize_answer(gold))


def f1(prediction: str, gold: str) -> float:
    """Return the F1 of the bags of normalised words; 0.0 when they share none.

    Like the official v1.1 script, and unlike v2.0's, two texts that both normalise to nothing
    share no word and so score 0.
    """
    predicted, expected = normalize_answer(prediction).split(), normalize_answer(gold).split()
    shared = sum((Counter(predicted) & Counter(expected)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(expected)
    return 2 * precision * recall / (precision + recall)


def normalize_answer(text: str) -> str:
    """Lower-case ``text`` and drop punctuation, articles and surplus white space."""
    without_punctuation = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", without_punctuation).split())


def metric_notice(examples: Sequence[Example]) -> str | None:
    """Return a warning if the metric, which compares words, does not suit the gold answers.

    It does not if most of the gold answers are not words between spaces in their contexts. In
    Chinese or Japanese a sentence is one such word, so an answer with one character too many scores
    nothing.
    """
    found = list(_between_spaces(examples))
    share = sum(found) / len(found) if found else 1.0
    if share >= 0.5:
        return None
    return (
        f"warning: {1 - share:.0%} of the gold answers are not words between spaces in their "
        "contexts. EM and F1 are made for English: they compare words. In a script without spaces, "
        "such as Chinese, Japanese or Thai, they count hardly any answer as right"
    )


def _between_spaces(examples: Sequence[Example]) -> Iterator[bool]:
    """Yield for each gold answer that is in its context whether it is a run of words there."""
    normalized = lru_cache(normalize_answer)  # questions about one context follow each other
    for example in examples:
        words = f" {normalized(example.context)} "
        for gold in map(normalize_answer, example.answers):
            if gold and gold in words:
                yield f" {gold} " in words
