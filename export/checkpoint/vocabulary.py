"""``vocab.txt``, a token on each line, and what its letters say about casing."""

from collections.abc import Iterable
from pathlib import Path

from export.checkpoint.errors import CheckpointError

FILE_NAME = "vocab.txt"
SUBWORD = "##"

# A cased vocabulary has thousands of capitals, a Korean one at least the Latin alphabet twice;
# an uncased one may have a stray letter.
_CASED_SHARE = 1 / 2000


def read_vocabulary(path: Path) -> dict[str, int]:
    """Return the id of each token: the number of its line, from 0.

    Lines end at a line feed, with or without a carriage return before it: U+2028, U+0085 and the
    like may be tokens. A blank line is the empty token, and of equal lines the last counts, as in
    transformers' ``load_vocab``. Raises CheckpointError for a file that readers read differently.
    """
    text = read_text(path).replace("\r\n", "\n")
    lines = text.removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if "\r" in line:
            raise CheckpointError(
                f"{path}: line {number} holds a carriage return, {line!r}, which some readers take "
                f"for the end of a line, so that every later id differs; remove it"
            )
    if text.startswith("\ufeff"):
        raise CheckpointError(f"{path} begins with a byte order mark (U+FEFF); save it without one")
    return {line: number for number, line in enumerate(lines)}


def read_text(path: Path) -> str:
    """Return the text of ``path``, line ends kept; raise CheckpointError if it is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path} is not UTF-8 text: {error}") from error


def is_cased(vocabulary: Iterable[str]) -> bool:
    """Whether the words and parts of words in ``vocabulary`` have capitals."""
    words = [token.removeprefix(SUBWORD) for token in vocabulary]
    words = [word for word in words if word.isalpha()]  # neither [CLS] nor <S>
    capital = sum(word != word.lower() for word in words)
    return capital > len(words) * _CASED_SHARE
