"""Moves a distribution over one tokenizer's tokens to another's, by the characters they cover."""

import numpy as np
from numpy.typing import NDArray

IMPOSSIBLE = -10_000.0  # log-probability of 0: finite in float16, and 0 at every temperature

Offsets = NDArray[np.int64]  # [tokens, 2], code points: each token's start and end
Shares = NDArray[np.float64]  # [tokens], probabilities


def log_probabilities(
    start: NDArray[np.float32], end: NDArray[np.float32], theirs: Offsets, ours: Offsets
) -> NDArray[np.float16]:
    """Return log-probabilities of start and end, ``[2, 1 + our tokens]``.

    ``start`` and ``end`` are logits ``[1 + their tokens]``; in both, "no answer" comes first.
    What is on none of our tokens is left out, and the rest adds up to 1. A probability of 0 is
    IMPOSSIBLE.
    """
    rows = []
    for logits, move in ((start, move_starts), (end, move_ends)):
        shares = np.exp(logits.astype(np.float64) - logits.max())
        moved = np.append(shares[:1], move(shares[1:], theirs, ours))
        with np.errstate(divide="ignore"):
            rows.append(np.log(moved / moved.sum()).clip(min=IMPOSSIBLE))
    halves: NDArray[np.float16] = np.stack(rows).astype(np.float16)
    return halves


def move_starts(shares: Shares, theirs: Offsets, ours: Offsets) -> Shares:
    """Add each share to our token that covers the first character of theirs, if one does.

    If several tokens of each are made of that character, their second goes to our second.
    """
    covering = theirs[:, 0] < theirs[:, 1]  # some tokens are of white space that was trimmed
    shares, theirs = shares[covering], theirs[covering]
    places = np.searchsorted(ours[:, 1], theirs[:, 0], side="right")
    moved = np.zeros(len(ours) + 1)
    padded = np.append(ours, [[np.iinfo(np.int64).max] * 2], axis=0)  # the place of none
    covered = padded[places, 0] <= theirs[:, 0]
    last = np.searchsorted(ours[:, 0], padded[places, 0], side="right") - 1
    rank = np.arange(len(theirs)) - np.searchsorted(theirs[:, 0], theirs[:, 0])
    places = np.where(covered, np.minimum(places + rank, last), len(ours))
    np.add.at(moved, places, shares)
    return moved[:-1]


def move_ends(shares: Shares, theirs: Offsets, ours: Offsets) -> Shares:
    """Add each share to our token that covers the last character of theirs, if one does.

    It is the start in the text read backwards.
    """
    return move_starts(shares[::-1], -theirs[::-1, ::-1], -ours[::-1, ::-1])[::-1]
