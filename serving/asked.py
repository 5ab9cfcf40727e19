"""What one question asks for, whichever schema it came in."""

from dataclasses import dataclass

from qa.windows import DOC_STRIDE, MAX_QUESTION_LEN, SPECIAL_TOKENS_PER_WINDOW, count_windows

CHARS_PER_TOKEN = 4  # a little less than English has; other scripts have fewer


@dataclass(frozen=True)
class Asked:
    """A question, its context, and every option of answering; lengths are in tokens."""

    question: str
    context: str
    model: str | None = None  # None: the gateway's default
    top_k: int = 1
    max_answer_len: int = 30
    doc_stride: int | None = None  # step from one window to the next; None: 128
    overlap: int | None = None  # what two windows share, in place of doc_stride
    max_question_len: int = MAX_QUESTION_LEN
    max_seq_len: int | None = None  # of a window; None: the model's sequence length
    align_to_words: bool = True
    null_threshold: float | None = None  # None: there must be an answer

    def estimate(self, sequence_length: int) -> int:
        """Return about how many windows of ``sequence_length`` tokens this makes, at least 1."""
        length = min(sequence_length, self.max_seq_len or sequence_length)
        question = min(self.max_question_len, len(self.question) // CHARS_PER_TOKEN)
        room = max(1, length - SPECIAL_TOKENS_PER_WINDOW - question)
        step = self.doc_stride or DOC_STRIDE if self.overlap is None else room - self.overlap
        tokens = len(self.context) // CHARS_PER_TOKEN
        return count_windows(tokens, room, min(max(1, step), room))
