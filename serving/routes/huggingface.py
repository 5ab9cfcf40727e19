"""Hugging Face's question-answering task, for its clients, which work unmodified.

The schema is that of ``huggingface_hub``, with the defaults of transformers 4's pipeline. There
``doc_stride`` is the overlap of two windows, and an answer has at most 15 tokens.
"""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from qa.spans import SpanOptions
from qa.windows import WindowOptions
from serving.answerer import Answerer
from serving.deadline import Deadline
from serving.dependencies import ANSWERING_ERRORS, KEYED, AnswererDep, DeadlineDep, TraceDep
from serving.lean_route import LeanRoute
from serving.query import Query
from serving.schema import EXAMPLE, MAX_ANSWER_LEN, MAX_TOP_K, Span, Text
from serving.trace import Trace

# the pipeline's defaults, in tokens
OVERLAP = 128
ANSWER_LEN = 15

router = APIRouter(
    route_class=LeanRoute,
    tags=["Hugging Face"],
    responses=ANSWERING_ERRORS,
    dependencies=[KEYED],
)


class Inputs(BaseModel):
    """A question, and the context that holds its answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: Text
    context: Text


class Parameters(BaseModel):
    """Options; one that is null has its default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    top_k: int | None = Field(None, ge=1, le=MAX_TOP_K, description="by default 1")
    doc_stride: int | None = Field(
        None,
        ge=0,
        description="tokens that two windows share; by default 128, or half of max_seq_len if less",
    )
    max_answer_len: int | None = Field(None, ge=1, le=MAX_ANSWER_LEN, description="by default 15")
    max_seq_len: int | None = Field(
        None, ge=1, description="tokens of a window; by default and at most the model's"
    )
    max_question_len: int | None = Field(None, ge=1, le=MAX_ANSWER_LEN, description="by default 64")
    handle_impossible_answer: bool | None = Field(None, description="by default false")
    align_to_words: bool | None = Field(None, description="by default true")


class Task(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(strict=True, json_schema_extra={"examples": [{"inputs": EXAMPLE}]})

    inputs: Inputs
    parameters: Parameters | None = None

    def query(self, model: str | None) -> Query:
        """Return what is asked of ``model``."""
        given = self.parameters or Parameters.model_validate({})
        overlap = given.doc_stride
        if overlap is None:
            overlap = min(OVERLAP, given.max_seq_len // 2) if given.max_seq_len else OVERLAP
        return Query(
            question=self.inputs.question,
            context=self.inputs.context,
            window_options=WindowOptions(
                overlap=overlap,
                max_question_len=given.max_question_len or WindowOptions.max_question_len,
                max_seq_len=given.max_seq_len,
            ),
            span_options=SpanOptions(
                top_k=given.top_k or SpanOptions.top_k,
                max_answer_len=given.max_answer_len or ANSWER_LEN,
                align_to_words=given.align_to_words is not False,
                null_threshold=0.0 if given.handle_impossible_answer else None,
            ),
            model=model,
        )


@router.post("/", response_model_exclude_none=True)
async def default_model(
    task: Task, answerer: AnswererDep, trace: TraceDep, deadline: DeadlineDep
) -> Span | list[Span]:
    """Answer with the server's model; one answer, or a list of them with top_k > 1."""
    return await _answer(answerer, task.query(None), trace, deadline)


@router.post("/models/{model}", response_model_exclude_none=True)
async def named_model(
    model: str, task: Task, answerer: AnswererDep, trace: TraceDep, deadline: DeadlineDep
) -> Span | list[Span]:
    """Answer with the model of this name; one answer, or a list of them with top_k > 1."""
    return await _answer(answerer, task.query(model), trace, deadline)


async def _answer(
    answerer: Answerer, query: Query, trace: Trace, deadline: Deadline
) -> Span | list[Span]:
    spans = [Span(**vars(each)) for each in await answerer.answer(query, trace, deadline)]
    return spans if query.span_options.top_k > 1 else spans[0]
