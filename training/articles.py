"""Holds out articles, which are never trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

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
