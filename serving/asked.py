"""What one question asks for, whichever schema it came in."""

from dataclasses import dataclass

from qa.windows import MAX_QUESTION_LEN


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
