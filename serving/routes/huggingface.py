"""Hugging Face's question-answering task, for its clients, which work unmodified."""

from fastapi import APIRouter

from qa.spans import Answer
from serving.dependencies import ANSWERING_ERRORS, KEYED, Answering, Limited, Tracing
from serving.huggingface import Task
from serving.schema import Span

router = APIRouter(tags=["Hugging Face"], responses=ANSWERING_ERRORS, dependencies=[KEYED])


@router.post("/", response_model_exclude_none=True)
async def default_model(
    task: Task, answerer: Answering, trace: Tracing, deadline: Limited
) -> Span | list[Span]:
    """Answer with the server's model; one answer, or a list of them with top_k > 1."""
    return _reply(await answerer.answer(task.asked(None), trace, deadline), task)


@router.post("/models/{model}", response_model_exclude_none=True)
async def named_model(
    model: str, task: Task, answerer: Answering, trace: Tracing, deadline: Limited
) -> Span | list[Span]:
    """Answer with the model of this name; one answer, or a list of them with top_k > 1."""
    return _reply(await answerer.answer(task.asked(model), trace, deadline), task)


def _reply(answers: list[Answer], task: Task) -> Span | list[Span]:
    spans = [Span(**vars(found)) for found in answers]
    return spans if task.asked(None).top_k > 1 else spans[0]
