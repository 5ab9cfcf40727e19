"""What one question asks for, whichever schema it came in."""

from dataclasses import dataclass

from qa.spans import SpanOptions
from qa.windows import DOC_STRIDE, SPECIAL_TOKENS_PER_WINDOW, WindowOptions, count_windows

CHARS_PER_TOKEN = 4  # a little less than English has; other scripts have fewer


@dataclass(frozen=True)
class Query:
    """A question, its context, and the options of answering."""

    question: str
    context: str
    window_options: WindowOptions
    span_options: SpanOptions
    model: str | None = None  # None: the gateway's default

    def estimate(self, sequence_length: int) -> int:
        """Return about how many windows of ``sequence_length`` tokens this makes, at least 1."""
        options = self.window_options
        question = min(options.max_question_len, len(self.question) // CHARS_PER_TOKEN)
        length = options.window_len(sequence_length)
        room = max(1, length - SPECIAL_TOKENS_PER_WINDOW - question)
        overlap = options.overlap
        step = options.doc_stride or DOC_STRIDE if overlap is None else room - overlap
        tokens = len(self.context) // CHARS_PER_TOKEN
        return count_windows(tokens, room, min(max(1, step), room))
