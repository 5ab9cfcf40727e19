"""Hugging Face's question-answering task, for its clients, which work unmodified."""

from fastapi import APIRouter

from serving.answerer import Answerer
from serving.deadline import Deadline
from serving.dependencies import ANSWERING_ERRORS, KEYED, AnswererDep, DeadlineDep, TraceDep
from serving.huggingface import Task
from serving.query import Query
from serving.schema import Span
from serving.trace import Trace

router = APIRouter(tags=["Hugging Face"], responses=ANSWERING_ERRORS, dependencies=[KEYED])


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
