"""The bodies of requests and replies, as HTTP sees them."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import PydanticCustomError

SURROGATE = re.compile("[\ud800-\udfff]")
MAX_TOP_K = 100
MAX_ANSWER_LEN = 384


def _meaningful(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "must hold more than white space")
    if "\0" in text:
        raise PydanticCustomError("nul", "must not hold NUL characters")
    if SURROGATE.search(text):
        raise PydanticCustomError("surrogate", "must not hold lone surrogates (half a character)")
    return text


Text = Annotated[str, AfterValidator(_meaningful)]

EXAMPLE: dict[str, JsonValue] = {
    "question": "Who led the Norman conquest of England?",
    "context": "The Norman conquest of England was led by William the Conqueror in 1066.",
}


class Question(BaseModel):
    """A question, and the context that holds its answer."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE]}
    )

    question: Text = Field(description="cut after its first 64 tokens")
    context: Text
    top_k: int = Field(1, ge=1, le=MAX_TOP_K, description="how many answers, best first")
    max_answer_len: int = Field(30, ge=1, le=MAX_ANSWER_LEN, description="tokens of an answer")
    doc_stride: int | None = Field(
        None,
        ge=1,
        description="tokens from one window to the next: 128 unless given, or the room that the "
        "question leaves for context in a window where that is less",
    )


class Span(BaseModel):
    """A span of the context: ``context[start:end] == answer``, in Unicode code points."""

    answer: str
    score: float = Field(description="softmax over all candidate spans of all windows")
    start: int
    end: int


class Answered(Span):
    """The best answer, and with ``top_k`` > 1 all of them."""

    answers: list[Span] | None = Field(None, description="with top_k > 1: distinct, best first")


class ErrorDetail(BaseModel):
    """What went wrong."""

    type: str
    message: str


class ErrorBody(BaseModel):
    """The body of every error."""

    error: ErrorDetail


class Health(BaseModel):
    """Whether the gateway lives, or can answer."""

    status: str


class Info(BaseModel):
    """What is served, and how."""

    name: str = Field(description="the variant that answers")
    reason: str = Field(description="why it does: named by MODEL, or how it was chosen")
    backend: str
    sequence_length: int
    max_batch_size: int
    version: str
