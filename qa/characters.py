"""Where characters begin, as readers see them: a code point may continue the one before.

Unicode calls such a character an extended grapheme cluster (UAX 29). Known here are those that
tokens can split: with combining marks, the vowel am of Thai and Lao, vowels and finals of Hangul in
conjoining jamo, the voiced marks of half-width katakana, skin tones, and zero width joiners. Flags,
which are pairs of regional indicators, are not.
"""

import unicodedata

import numpy as np
from numpy.typing import NDArray

_MARKS = ("Mn", "Mc", "Me")
_JOINER = "\u200d"
_LAST_ASCII = 127
_CONTINUING = (
    ("\u0e33", "\u0e33"),  # Thai: sara am
    ("\u0eb3", "\u0eb3"),  # Lao: am
    ("\u1160", "\u11ff"),  # jamo: vowels and finals
    ("\ud7b0", "\ud7fb"),  # jamo extended-B: the same of old Korean
    ("\uff9e", "\uff9f"),  # half-width katakana: voiced and semi-voiced marks
    ("\U0001f3fb", "\U0001f3ff"),  # skin tones
)


def continues_character(text: str, position: int) -> bool:
    """Whether the code point at ``position`` belongs to the character before it."""
    if not 0 < position < len(text):
        return False
    before = text[position - 1]
    return not before.isspace() and (_is_continuing(text[position]) or before == _JOINER)


def _is_continuing(point: str) -> bool:
    return (
        unicodedata.category(point) in _MARKS
        or any(first <= point <= last for first, last in _CONTINUING)
        or point == _JOINER
    )


def begin_inside(text: str, offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which tokens of ``text`` begin inside a character: ``[tokens]``.

    ``offsets`` are ``[tokens, 2]``, in code points. If several tokens are made of one code point,
    all but the first begin inside it.
    """
    starts = offsets[:, 0]
    inside = np.append(False, starts[1:] == starts[:-1])
    if text.isascii():
        return inside
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    begins = points[starts]
    continuing = begins > _LAST_ASCII
    # a text has few different ones of these: look at each of them once, not at each token
    different, numbers = np.unique(begins[continuing], return_inverse=True)
    known = np.array([_is_continuing(chr(point)) for point in different], dtype=np.bool_)
    continuing[continuing] = known[numbers]
    for token in np.flatnonzero(continuing | (points[starts - 1] == ord(_JOINER))).tolist():
        inside[token] |= continues_character(text, int(starts[token]))
    return inside
