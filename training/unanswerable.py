"""Questions that their paragraph does not answer, made from those that it does.

The kinds that look answerable are those that people wrote for SQuAD 2.0 (Rajpurkar et al. 2018,
"Know What You Don't Know", table 2) and that rules can make; some of them are answered by chance.
"""

import calendar
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from qa.metric import normalize_answer
from qa.squad import Example
from training.opposites import OPPOSITES

Generator = np.random.Generator

ELSEWHERE = "elsewhere"

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'(]?[A-Z0-9])")
_NEGATED = re.compile(
    r"\b(?:is|are|was|were|do|does|did|has|have|had|can|could|would|should|will)\b"
)
_IRREGULAR = {"can": "can't", "will": "won't"}
_MONTHS = f"(?:{'|'.join(calendar.month_name[1:])})"
# words with a capital, which "of" or "the" may join; at the start of a sentence it says nothing
_NAME = re.compile(
    rf"(?<![.!?:\"(] )(?<!^)\b(?!{_MONTHS})[A-Z][\w-]+(?: (?:of |the |de )*[A-Z][\w-]+)*"
)
_MONTH = re.compile(rf"\b{_MONTHS}\b")
_YEAR = re.compile(r"\b1\d{3}\b|\b20\d{2}\b")
_NUMBER = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})*(?:\.\d+)?(?![\d,]|\.\d)")
_TERMS = (_NAME, _MONTH, _YEAR, _NUMBER)


@dataclass(frozen=True)
class Article:
    """The paragraphs of an article, and the names, months, years and numbers in each."""

    terms: Mapping[str, tuple[tuple[str, ...], ...]]  # by paragraph, in the order of _TERMS

    def others(self, context: str, kind: int) -> list[list[str]]:
        """Return the terms of a ``kind`` in ``context``, and in the article's other paragraphs."""
        here = list(self.terms[context][kind])
        return [here, [each for text in self.terms for each in self.terms[text][kind]]]


def with_unanswerable(
    examples: list[Example], negatives: float, plausible: float, seed: int
) -> list[Example]:
    """Return ``examples`` and, behind them, shares of ``elsewhere`` and of ``unanswerable``."""
    return [
        *examples,
        *elsewhere(examples, negatives, seed),
        *unanswerable(examples, plausible, seed),
    ]


def unanswerable(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """Return ``share`` times as many questions that look as if their paragraph answered them.

    Each is of one of ``KINDS``, in turn at random; its id ends with the kind. A question of which
    none can be made is left out.
    """
    articles = _articles(examples)
    generator = np.random.default_rng([seed, len(examples), 1])
    made = (
        _any_kind(each, articles[each.title], generator)
        for each in _drawn(examples, share, generator)
    )
    return [each for each in made if each is not None]


def elsewhere(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """Return ``share`` times as many questions, each with a paragraph that does not answer it.

    The paragraph is another one of the same article. It holds none of the answers, whatever their
    case, articles ("the") and punctuation. A question whose article has no such paragraph is left
    out.
    """
    contexts: dict[str, list[str]] = defaultdict(list)
    for title, context in dict.fromkeys((each.title, each.context) for each in examples):
        contexts[title].append(context)
    generator = np.random.default_rng([seed, len(examples)])
    made = (
        _elsewhere(each, contexts[each.title], generator)
        for each in _drawn(examples, share, generator)
    )
    return [each for each in made if each is not None]


def _drawn(examples: Sequence[Example], share: float, generator: Generator) -> Iterator[Example]:
    answered = [each for each in examples if each.answers]
    for number in generator.permutation(len(answered))[: round(share * len(answered))]:
        yield answered[number]


def _elsewhere(example: Example, contexts: list[str], generator: Generator) -> Example | None:
    for number in generator.permutation(len(contexts)):
        context = contexts[number]
        if context != example.context and not _holds_answer(context, example):
            return _made(example, ELSEWHERE, context=context)
    return None


def _holds_answer(text: str, example: Example) -> bool:
    text = normalize_answer(text)
    return any(normalize_answer(answer) in text for answer in example.answers)


def _made(example: Example, kind: str, **changes: str) -> Example:
    return replace(example, id=f"{example.id}-{kind}", answers=(), **changes)


def _articles(examples: Sequence[Example]) -> dict[str, Article]:
    terms: dict[str, dict[str, tuple[tuple[str, ...], ...]]] = defaultdict(dict)
    for title, context in dict.fromkeys((each.title, each.context) for each in examples):
        terms[title][context] = tuple(tuple(each.findall(context)) for each in _TERMS)
    return {title: Article(found) for title, found in terms.items()}


def _any_kind(example: Example, article: Article, generator: Generator) -> Example | None:
    kinds = list(KINDS.items())
    for number in generator.permutation(len(kinds)):
        kind, make = kinds[number]
        if (changes := make(example, article, generator)) is not None:
            return _made(example, kind, **changes)
    return None


Changes = dict[str, str] | None  # of an example; None: this kind cannot be made of it


def _swapped(example: Example, article: Article, generator: Generator) -> Changes:
    """Put another name, month, year or number of the paragraph or the article in place of one."""
    question = example.question
    found = [
        (kind, term)
        for kind, pattern in enumerate(_TERMS)
        for term in pattern.finditer(question)
        if term[0] in example.context
    ]
    if not found:
        return None
    kind, term = found[generator.integers(len(found))]
    pools = article.others(example.context, kind)
    generator.shuffle(pools)
    for pool in pools:
        fitting = [
            each
            for each in pool
            if each not in question and term[0] not in each and not _holds_answer(each, example)
        ]
        if fitting:
            other = fitting[generator.integers(len(fitting))]
            return {"question": question[: term.start()] + other + question[term.end() :]}
    return None


def _opposite(example: Example, _: Article, generator: Generator) -> Changes:
    """Put its opposite in place of one word."""
    words = list(re.finditer(r"\b[a-z]+\b", example.question))
    fitting = [each for each in words if each[0] in OPPOSITES]
    if not fitting:
        return None
    word = fitting[generator.integers(len(fitting))]
    changed = OPPOSITES[word[0]]
    return {"question": example.question[: word.start()] + changed + example.question[word.end() :]}


def _negated(example: Example, _: Article, __: Generator) -> Changes:
    """Negate the first auxiliary verb."""

    def negation(verb: re.Match[str]) -> str:
        return _IRREGULAR.get(verb[0], f"{verb[0]}n't")

    question, count = _NEGATED.subn(negation, example.question, count=1)
    return {"question": question} if count else None


def _left_out(example: Example, _: Article, __: Generator) -> Changes:
    """Leave out the sentences of the paragraph that hold the answer."""
    sentences = _SENTENCE.split(example.context)
    kept = " ".join(each for each in sentences if not _holds_answer(each, example))
    if not kept or _holds_answer(kept, example):
        return None
    return {"context": kept}


KINDS: Mapping[str, Callable[[Example, Article, Generator], Changes]] = {
    "swapped": _swapped,
    "opposite": _opposite,
    "negated": _negated,
    "left-out": _left_out,
}
