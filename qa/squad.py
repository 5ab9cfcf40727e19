"""SQuAD files, and the official exact match and F1.

The metric is that of ``evaluate-v1.1.py`` (Rajpurkar et al. 2016): lower case, punctuation and
the articles a, an, the removed, white space collapsed; the best over the gold answers counts.
That of ``evaluate-v2.0.py`` (Rajpurkar et al. 2018) differs where there is no answer, or one
that normalises to nothing.
"""

import gzip
import json
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


class SquadError(ValueError):
    """A file that is not SQuAD; the message says where and what."""


@dataclass(frozen=True)
class Example:
    """One question about one context, with the texts of its gold answers."""

    id: str
    question: str
    context: str
    answers: tuple[str, ...]  # none, where SQuAD 2.0 says that there is no answer
    title: str = ""  # of the article


@dataclass(frozen=True)
class Scores:
    """Exact match and F1 in percent over ``total`` questions."""

    exact_match: float
    f1: float
    total: int


def read_examples(path: Path) -> list[Example]:
    """Read a SQuAD 1.1 or 2.0 JSON file, gzipped or not.

    Raises SquadError, which names the article and the question, when it is malformed.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        articles = json.loads(content)["data"]
        examples = list(_examples(articles))
    except (OSError, EOFError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, SquadError):
            raise SquadError(f"{path}: {error}") from error
        raise SquadError(f"{path} is not a SQuAD file: {type(error).__name__}: {error}") from error
    if not examples:
        raise SquadError(f"{path} holds no questions")
    return examples


def _examples(articles: list[Any]) -> Iterator[Example]:
    for number, article in enumerate(articles):
        where = f"article {number}"
        try:
            where = f"article {number} ({article.get('title', 'without a title')!r})"
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    where = f"question {question['id']!r} of {article.get('title')!r}"
                    yield _example(question, paragraph["context"], article.get("title", ""))
        except (AttributeError, KeyError, TypeError) as error:
            raise SquadError(f"{where}: {type(error).__name__}: {error}") from error


def _example(question: Mapping[str, Any], context: Any, title: Any) -> Example:
    answers = tuple(answer["text"] for answer in question["answers"])
    texts = (question["question"], context, title, *answers)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("question, context, title and answers must be strings")
    return Example(str(question["id"]), question["question"], context, answers, title)


def has_unanswerable(examples: Iterable[Example]) -> bool:
    """Whether SQuAD 2.0's metric is the one for ``examples``, and not 1.1's."""
    return not all(example.answers for example in examples)


def normalize_answer(text: str) -> str:
    """Lower-case ``text`` and drop punctuation, articles and surplus white space."""
    without_punctuation = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", without_punctuation).split())


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


def evaluate(examples: Iterable[Example], predictions: Mapping[str, str]) -> Scores:
    """Score ``predictions`` (question id to text); a question without one scores 0.

    Raises SquadError when there is no example, or one without a gold answer (SQuAD 2.0's
    unanswerable questions have no place in the v1.1 metric).
    """
    matches = f1s = 0.0
    total = 0
    for example in examples:
        if not example.answers:
            raise SquadError(f"question {example.id!r} has no gold answer; SQuAD 1.1 is needed")
        total += 1
        if (prediction := predictions.get(example.id)) is not None:
            matches += _best(exact_match, prediction, example.answers)
            f1s += _best(f1, prediction, example.answers)
    if total == 0:
        raise SquadError("there is no question to score")
    return Scores(exact_match=100 * matches / total, f1=100 * f1s / total, total=total)


def evaluate_v2(examples: Iterable[Example], predictions: Mapping[str, str]) -> Scores:
    """Score ``predictions`` by SQuAD 2.0's metric; a question without one scores 0.

    The right answer to a question without gold answers is the empty text. Raises SquadError
    when there is no example.
    """
    matches = f1s = 0.0
    total = 0
    for example in examples:
        total += 1
        golds = tuple(gold for gold in example.answers if normalize_answer(gold)) or ("",)
        if (prediction := predictions.get(example.id)) is not None:
            matches += _best(exact_match, prediction, golds)
            f1s += _best(_f1_v2, prediction, golds)
    if total == 0:
        raise SquadError("there is no question to score")
    return Scores(exact_match=100 * matches / total, f1=100 * f1s / total, total=total)


def _f1_v2(prediction: str, gold: str) -> float:
    """Return the F1 of the words, and 1.0 for two texts that both have none."""
    if not normalize_answer(prediction) and not normalize_answer(gold):
        return 1.0
    return f1(prediction, gold)


def _best(metric: Callable[[str, str], float], prediction: str, golds: tuple[str, ...]) -> float:
    return max(metric(prediction, gold) for gold in golds)
