"""A question and a context as windows in the layout of any tokenizer.

They are those of ``qa.windows``, but for their special tokens: ``[CLS] question [SEP] context
[SEP]`` for BERT's relatives, ``<s> question </s></s> context </s>`` for RoBERTa's and MPNet.
"""

import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from qa.characters import begin_inside
from qa.windows import DOC_STRIDE, WindowError, WindowOptions, Windows, count_windows
from training.errors import TrainingError


@dataclass(frozen=True)
class Layout:
    """A tokenizer, and the special tokens that it puts around a question and a context."""

    tokenizer: Tokenizer
    before: list[int]  # one token, where "no answer" is read
    between: list[int]
    after: list[int]  # one token
    has_types: bool  # whether the context's tokens have the type 1
    padding: int
    unknown: int  # -1 if it has none

    def windows(self, question: str, context: str, length: int) -> Windows:
        """Return the windows of at most ``length`` tokens, padded to it.

        ``question_len`` counts the separators but one too, so that ``context_position`` is right
        for every layout. A word is what BERT's tokenizer takes for one, or less: punctuation does
        not belong to the word before it. Raises WindowError as ``qa.windows.make_windows`` does.
        """
        limit = WindowOptions().max_question_len
        asked = self.tokenizer.encode(question, add_special_tokens=False).ids[:limit]
        encoded = self.tokenizer.encode(context, add_special_tokens=False)
        for name, kept in (("question", asked), ("context", encoded.ids)):
            if not kept:
                raise WindowError(f"{name} holds no text that the tokenizer keeps")
        head = np.array([*self.before, *asked, *self.between], dtype=np.int32)
        room = length - len(head) - len(self.after)
        if room < 1:
            raise WindowError(
                f"question of {len(asked)} tokens leaves no room for context in a sequence of "
                f"{length}; raise max_seq_len"
            )
        tokens = len(encoded.ids)
        step = min(DOC_STRIDE, room)
        firsts = np.arange(count_windows(tokens, room, step), dtype=np.int64) * step
        lengths = np.minimum(tokens - firsts, room)
        ids, mask, types = self._rows(head, encoded, firsts, lengths, length)
        offsets = _without_spaces(context, np.asarray(encoded.offsets, dtype=np.int64))
        opens = ~begin_inside(context, offsets)
        return Windows(
            input_ids=ids,
            attention_mask=mask,
            token_type_ids=types,
            question_len=len(head) - 2,
            firsts=firsts,
            lengths=lengths,
            offsets=offsets,
            words=np.cumsum(_begin_words(context, encoded, offsets) & opens),
            characters=np.cumsum(opens),
            unknown=[*asked, *encoded.ids].count(self.unknown),
        )

    def _rows(
        self,
        head: NDArray[np.int32],
        encoded: Encoding,
        firsts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        length: int,
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        ids = np.full((len(firsts), length), self.padding, dtype=np.int32)
        for row, first, count in zip(ids, firsts, lengths, strict=True):
            whole = [*head, *encoded.ids[first : first + count], *self.after]
            row[: len(whole)] = whole
        positions = np.arange(length)
        real = positions < (len(head) + lengths + len(self.after))[:, None]
        types = real & (positions >= len(head))
        return ids, real.astype(np.int32), types.astype(np.int32)


def layout_of(tokenizer: Tokenizer, *, padding: int, unknown: int) -> Layout:
    """Return the layout of ``tokenizer``, which stays as it is.

    Texts of users hold no special tokens: they are read as characters. Raises TrainingError for
    a layout in which the first token is not a special one, or the context does not come last.
    """
    own = Tokenizer.from_str(tokenizer.to_str())
    own.no_truncation()
    own.no_padding()
    own.encode_special_tokens = True
    encoded = own.encode("a", "b")
    sides = encoded.sequence_ids
    if 0 not in sides or 1 not in sides:
        raise TrainingError(f"the tokenizer makes {encoded.tokens} of a question and a context")
    question, context = sides.index(0), sides.index(1)
    end_of_question, end = question + sides.count(0), context + sides.count(1)
    parts = encoded.ids[:question], encoded.ids[end_of_question:context], encoded.ids[end:]
    before, between, after = parts
    if len(before) != 1 or not between or len(after) != 1 or context < question:
        raise TrainingError(
            f"the tokenizer puts a question and a context as {' '.join(encoded.tokens)}; known is "
            "one special token, the question, one or more, the context, one"
        )
    has_types = encoded.type_ids[context] == 1
    return Layout(own, before, between, after, has_types, padding, unknown)


def _without_spaces(context: str, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ``offsets`` without the white space that some tokenizers have tokens begin with.

    What is left of a token of white space alone has no characters, and begins with the next one.
    """
    size = len(context)
    kept = [size if each.isspace() else at for at, each in enumerate(context)]
    following = np.minimum.accumulate([*kept, size][::-1])[::-1]
    starts = following[offsets[:, 0]]
    ends = np.maximum(starts, offsets[:, 1])
    return np.stack([starts.clip(max=size - 1), ends], axis=1)


def _begin_words(context: str, encoded: Encoding, offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
    words = np.array([-1 if each is None else each for each in encoded.word_ids])
    opens = np.append(False, words[1:] != words[:-1])
    for token in np.flatnonzero(~opens)[1:].tolist():
        start = int(offsets[token, 0])
        opens[token] = _is_punctuation(context[start]) or _is_punctuation(context[start - 1])
    return opens


def _is_punctuation(character: str) -> bool:
    """Whether BERT's tokenizer splits words there."""
    ascii_symbol = character.isascii() and not character.isalnum() and not character.isspace()
    return ascii_symbol or unicodedata.category(character).startswith("P")
