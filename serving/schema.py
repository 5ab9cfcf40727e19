"""The bodies of requests and replies, as HTTP sees them."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema
from pydantic_core import PydanticCustomError

from qa.spans import Answer, SpanOptions
from qa.windows import WindowOptions
from serving.query import Query

SURROGATE = re.compile("[\ud800-\udfff]")
MAX_TOP_K = 100
MAX_ANSWER_LEN = 384
MAX_RETURNED_CONTEXT = 10_000
MAX_PAIRS = 128


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

#: The reply to it, by electra_qa_openvino_int8 of the bundled checkpoint; the score is rounded.
EXAMPLE_SPAN: dict[str, JsonValue] = {
    "answer": "William the Conqueror",
    "score": 0.9950,
    "start": 42,
    "end": 63,
}


class Question(BaseModel):
    """A question, and the context that holds its answer."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE]}
    )

    question: Text
    context: Text
    model: str | None = Field(None, description="variant that answers; by default the server's")
    top_k: int = Field(
        SpanOptions.top_k, ge=1, le=MAX_TOP_K, description="how many answers, best first"
    )
    max_answer_len: int = Field(
        SpanOptions.max_answer_len, ge=1, le=MAX_ANSWER_LEN, description="tokens of an answer"
    )
    max_question_len: int = Field(
        WindowOptions.max_question_len,
        ge=1,
        le=MAX_ANSWER_LEN,
        description="tokens of a question; a longer one is cut",
    )
    doc_stride: int | None = Field(
        None,
        ge=1,
        description="tokens from one window to the next; by default 128, or the room for context "
        "in a window beside the question, if that is less",
    )
    handle_impossible_answer: bool = Field(
        False, description="allow the empty answer, for when the context holds none"
    )
    null_threshold: float = Field(
        0.0,
        allow_inf_nan=False,
        description="the empty answer wins when its logit beats the best span's by more than this",
    )
    align_to_words: bool = Field(
        SpanOptions.align_to_words,
        description="answers are whole words; if false, whole tokens, for scripts without spaces",
    )
    return_context: int = Field(
        0, ge=0, le=MAX_RETURNED_CONTEXT, description="characters to return around each answer"
    )

    def query(self) -> Query:
        """Return what is asked."""
        return Query(
            question=self.question,
            context=self.context,
            window_options=WindowOptions(
                doc_stride=self.doc_stride, max_question_len=self.max_question_len
            ),
            span_options=SpanOptions(
                top_k=self.top_k,
                max_answer_len=self.max_answer_len,
                align_to_words=self.align_to_words,
                null_threshold=self.null_threshold if self.handle_impossible_answer else None,
            ),
            model=self.model,
        )


class Surroundings(BaseModel):
    """The context just before and just after an answer."""

    before: str
    after: str


class Span(BaseModel):
    """A span of the context: ``context[start:end] == answer``, in Unicode code points.

    With ``handle_impossible_answer``, an empty one from 0 to 0 says that there is no answer.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_SPAN]})

    answer: str
    score: float = Field(description="softmax over all candidate spans of all windows")
    start: int
    end: int
    surroundings: Surroundings | None = Field(None, description="with return_context")


class Answered(Span):
    """The best answer, and with ``top_k`` > 1 all of them."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_SPAN]})

    answers: list[Span] | None = Field(None, description="with top_k > 1: distinct, best first")

    @classmethod
    def of(cls, question: Question, answers: list[Answer]) -> "Answered":
        """Make the reply to ``question`` of its answers, best first."""
        spans = [_span(each, question.context, question.return_context) for each in answers]
        return cls(**dict(spans[0]), answers=spans if question.top_k > 1 else None)


def _span(found: Answer, context: str, reach: int) -> Span:
    if not reach or not found.answer:
        return Span(**vars(found))
    before = context[max(0, found.start - reach) : found.start]
    after = context[found.end : found.end + reach]
    return Span(**vars(found), surroundings=Surroundings(before=before, after=after))


class ErrorDetail(BaseModel):
    """What went wrong."""

    type: str
    message: str


class ErrorBody(BaseModel):
    """The body of every error."""

    error: ErrorDetail


#: Pairs are not validated with the body: an invalid one gets an error of its own.
Pair = Annotated[Any, WithJsonSchema({"$ref": "#/components/schemas/Question"})]


class Pairs(BaseModel):
    """Questions, each with its context and options."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"pairs": [EXAMPLE]}]}
    )

    pairs: list[Pair] = Field(min_length=1, max_length=MAX_PAIRS)


class Replies(BaseModel):
    """The reply to each pair, in order: an answer or an error."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"answers": [EXAMPLE_SPAN]}]})

    answers: list[Answered | ErrorBody]


class Health(BaseModel):
    """Whether the gateway is live, or ready."""

    status: str


class Live(BaseModel):
    """Whether the gateway is live, in KServe's protocol v2."""

    live: bool


class ServerReady(BaseModel):
    """Whether the gateway is ready, in KServe's protocol v2."""

    ready: bool


class ModelReady(BaseModel):
    """Whether a model is ready, in KServe's protocols."""

    name: str
    ready: bool


class Info(BaseModel):
    """What is served, and how."""

    name: str = Field(description="the variant that answers")
    reason: str = Field(description="why this one: named by ELECTRA_QA_MODEL, or how it was chosen")
    backend: str
    sequence_length: int = Field(description="tokens of the longest window")
    pad_to_multiple_of: int = Field(
        description="windows are padded to a multiple of so many tokens"
    )
    max_rows: int = Field(description="most windows of one request to Triton")
    max_batch_size: int = Field(description="most windows that Triton computes in one execution")
    mean_batch_size: float | None = Field(
        description="mean windows of an execution since Triton started"
    )
    version: str
