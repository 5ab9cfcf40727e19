"""A question and a context become padded windows of the model's sequence length.

The rules are those of Google's ``run_squad.py`` (BERT, 2018), which NVIDIA and MLPerf follow:
``[CLS] question [SEP] context tokens [SEP]``, one window every ``doc_stride`` tokens, and a
token may start an answer only in the window where it has the most context on its shorter side.
"""

from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from qa.characters import begin_inside
from qa.tokenizer import CLS, SEP, UNK

DOC_STRIDE = 128
SPECIAL_TOKENS_PER_WINDOW = 3  # [CLS], [SEP], [SEP]
SHORT_CHARS = 8192  # texts of so many characters are tokenized in about 2 ms


class WindowError(ValueError):
    """A question and a context that no windows can be made of; the message says why."""


@dataclass(frozen=True)
class WindowOptions:
    """How windows are cut; all lengths are in tokens.

    The step between windows is ``doc_stride``, as Google and NVIDIA read it. If ``overlap`` is
    given, the step is the room for context less the overlap, as Hugging Face has it.
    """

    doc_stride: int | None = None  # from one window to the next; None: 128, or the room if less
    overlap: int | None = None  # tokens that a window shares with the one before it
    max_question_len: int = 64  # longer questions are cut
    max_seq_len: int | None = None  # of a window; None: the model's sequence length

    def window_len(self, sequence_length: int) -> int:
        """Return the most tokens that a window has for a model of ``sequence_length``."""
        return min(sequence_length, self.max_seq_len or sequence_length)


@dataclass(frozen=True)
class Rows:
    """Rows of one request to a model: int32 ``[rows, length]`` each."""

    input_ids: NDArray[np.int32]  # right-padded with 0
    attention_mask: NDArray[np.int32]  # 1 at tokens, 0 at padding
    token_type_ids: NDArray[np.int32]  # 1 at the context and its [SEP]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.input_ids)


@dataclass(frozen=True)
class Windows(Rows):
    """The windows of one question and context: ``n`` rows of ``sequence`` tokens.

    Context tokens are numbered through the whole context. Window ``i`` holds ``lengths[i]`` of
    them, beginning with number ``firsts[i]`` at position ``question_len + 2``.
    """

    question_len: int  # tokens of the question, after truncation
    firsts: NDArray[np.int64]  # [n], number of the window's first context token
    lengths: NDArray[np.int64]  # [n], context tokens in the window
    offsets: NDArray[np.int64]  # [tokens, 2], code points: each context token's start and end
    words: NDArray[np.int64]  # [tokens], number of the word that each context token is part of
    characters: NDArray[np.int64]  # [tokens], number of the character that each one begins in
    unknown: int  # tokens of the question and the context that the vocabulary does not have

    @property
    def row_lengths(self) -> NDArray[np.int64]:
        """The tokens of each window, without padding: ``[n]``."""
        return self.question_len + SPECIAL_TOKENS_PER_WINDOW + self.lengths

    def rows(self, numbers: NDArray[np.int64], length: int) -> Rows:
        """Return the windows with these ``numbers``, padded to ``length`` tokens.

        None of them may have more tokens.
        """
        inputs = (self.input_ids, self.attention_mask, self.token_type_ids)
        return Rows(*(each[numbers, :length] for each in inputs))

    @property
    def tokens(self) -> int:
        """The tokens of the question, after truncation, and of the context."""
        return self.question_len + len(self.offsets)

    @property
    def context_position(self) -> int:
        """The position of the first context token in every window."""
        return self.question_len + 2


def make_windows(
    tokenizer: Tokenizer,
    question: str,
    context: str,
    options: WindowOptions = WindowOptions(),
    *,
    sequence_length: int,
    max_windows: int | None = None,
) -> Windows:
    """Cut ``context`` into windows behind ``question``, padded to ``sequence_length`` tokens.

    ``max_windows`` is checked before any window is built. Raises WindowError when the question
    or the context holds no token, when the step is not in 1..room (a larger one would skip
    context), or when there would be too many windows.
    """
    encoded_question, encoded = _encode(tokenizer, question, context)
    question_ids = encoded_question.ids[: options.max_question_len]
    context_ids = encoded.ids  # a copy, each time that it is asked for
    if not question_ids:
        raise WindowError("question holds no text that the tokenizer keeps")
    if not context_ids:
        raise WindowError("context holds no text that the tokenizer keeps")
    length = options.window_len(sequence_length)
    room = length - SPECIAL_TOKENS_PER_WINDOW - len(question_ids)
    if room < 1:
        raise WindowError(
            f"question of {len(question_ids)} tokens leaves no room for context in a sequence "
            f"of {length}; lower max_question_len"
        )
    step = _step(room, options)
    tokens = len(context_ids)
    count = count_windows(tokens, room, step)
    if max_windows is not None and count > max_windows:
        raise WindowError(
            f"context of {tokens} tokens makes {count} windows, more than the {max_windows} "
            f"allowed; shorten it or take larger steps than {step} tokens"
        )
    firsts = np.arange(count, dtype=np.int64) * step
    lengths = np.minimum(tokens - firsts, room)
    question_part = np.asarray(
        [tokenizer.token_to_id(CLS), *question_ids, tokenizer.token_to_id(SEP)], dtype=np.int32
    )
    unknown = tokenizer.token_to_id(UNK) or 0  # every WordPiece vocabulary has it
    return _fill(
        *(question_part, np.asarray(context_ids, dtype=np.int32), encoded, context),
        *(firsts, lengths, sequence_length),
        unknown=question_ids.count(unknown) + context_ids.count(unknown),
    )


def _encode(tokenizer: Tokenizer, *texts: str) -> list[Encoding]:
    """Tokenize ``texts``.

    Long ones are tokenized without Python's lock, so that other threads go on. For short ones,
    waking the tokenizer's threads would take longer.
    """
    if sum(map(len, texts)) > SHORT_CHARS:
        return tokenizer.encode_batch(texts, add_special_tokens=False)
    return [tokenizer.encode(each, add_special_tokens=False) for each in texts]


def _step(room: int, options: WindowOptions) -> int:
    doc_stride, overlap = options.doc_stride, options.overlap
    if overlap is not None:
        if not 0 <= overlap < room:
            raise WindowError(
                f"doc_stride is an overlap of {overlap} tokens; it must be less than {room}, the "
                f"room for context tokens in a window beside this question"
            )
        return room - overlap
    if doc_stride is None:
        return min(DOC_STRIDE, room)
    if not 1 <= doc_stride <= room:
        raise WindowError(
            f"doc_stride is {doc_stride}; it must be 1 to {room}, the room for context tokens "
            f"in a window beside this question"
        )
    return doc_stride


def count_windows(tokens: int, room: int, step: int) -> int:
    """Return how many windows of ``room`` tokens, one every ``step``, hold ``tokens``."""
    return 1 + max(0, -(-(tokens - room) // step))


def _fill(
    question_part: NDArray[np.int32],
    context_ids: NDArray[np.int32],
    encoded: Encoding,
    context: str,
    firsts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    sequence_length: int,
    *,
    unknown: int,
) -> Windows:
    input_ids = np.zeros((len(firsts), sequence_length), dtype=np.int32)
    head = len(question_part)
    input_ids[:, :head] = question_part
    ends = head + lengths
    for row, first, length, end in zip(input_ids, firsts, lengths, ends, strict=True):
        row[head:end] = context_ids[first : first + length]
        row[end] = question_part[-1]
    positions = np.arange(sequence_length)
    real = positions <= ends[:, None]
    # from a flat sequence, as from pairs it would take twice the time
    offsets = np.fromiter(chain.from_iterable(encoded.offsets), np.int64).reshape(-1, 2)
    opens = ~begin_inside(context, offsets)
    words = np.asarray(encoded.word_ids, dtype=np.int64)
    return Windows(
        input_ids=input_ids,
        attention_mask=real.astype(np.int32),
        token_type_ids=(real & (positions >= head)).astype(np.int32),
        question_len=head - 2,
        firsts=firsts,
        lengths=lengths,
        offsets=offsets,
        words=np.cumsum(np.append(False, words[1:] != words[:-1]) & opens),
        characters=np.cumsum(opens),
        unknown=unknown,
    )


def best_window(windows: Windows) -> NDArray[np.int64]:
    """Return, for each context token, the window in which it has its maximum context: [tokens].

    Google's ``_check_is_max_context``: the larger of min(tokens on the left, tokens on the
    right) + 0.01 * window length; the first window wins a tie.
    """
    if len(windows) == 1:
        return np.zeros(len(windows.offsets), dtype=np.int64)
    best = np.full(len(windows.offsets), -1, dtype=np.int64)
    best_score = np.full(len(windows.offsets), -np.inf)
    for window, (first, length) in enumerate(zip(windows.firsts, windows.lengths, strict=True)):
        left = np.arange(length)
        score = np.minimum(left, length - 1 - left) + 0.01 * length
        here = slice(first, first + length)
        better = score > best_score[here]
        best[here][better] = window
        best_score[here][better] = score[better]
    return best
