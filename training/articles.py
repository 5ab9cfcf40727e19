"""Which questions are trained on: holds out articles, and makes questions without an answer."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from qa.metric import normalize_answer
from qa.squad import Example

HELD_OUT_OF = 20  # one article in so many is held out


@dataclass(frozen=True)
class Split:
    """A training set in two: ``held_out`` is never trained on, and every choice is made on it."""

    train: list[Example]
    held_out: list[Example]


def split(examples: Sequence[Example]) -> Split:
    """Hold out whole articles, by a hash of their titles, so that they are always the same."""
    held_out = {title for title in {each.title for each in examples} if is_held_out(title)}
    return Split(
        train=[each for each in examples if each.title not in held_out],
        held_out=[each for each in examples if each.title in held_out],
    )


def is_held_out(title: str) -> bool:
    """Whether the article of this title is held out."""
    return int.from_bytes(sha256(title.encode()).digest()[:8]) % HELD_OUT_OF == 0


def negatives(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """Return ``share`` times as many questions, each with a paragraph that does not answer it.

    The paragraph is another one of the same article. It holds none of the answers, whatever their
    case, articles ("the") and punctuation. A question whose article has no such paragraph is left
    out.
    """
    contexts: dict[str, list[str]] = defaultdict(list)
    for title, context in dict.fromkeys((each.title, each.context) for each in examples):
        contexts[title].append(context)
    generator = np.random.default_rng([seed, len(examples)])
    answered = [each for each in examples if each.answers]
    chosen = generator.permutation(len(answered))[: round(share * len(answered))]
    made = (_elsewhere(answered[number], contexts, generator) for number in chosen)
    return [each for each in made if each is not None]


def _elsewhere(
    example: Example, contexts: dict[str, list[str]], generator: np.random.Generator
) -> Example | None:
    answers = [normalize_answer(text) for text in example.answers]
    others = contexts[example.title]
    for number in generator.permutation(len(others)):
        context = normalize_answer(others[number])
        if others[number] != example.context and not any(text in context for text in answers):
            return replace(
                example, id=f"{example.id}-elsewhere", context=others[number], answers=()
            )
    return None
