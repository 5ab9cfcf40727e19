"""Hugging Face's question-answering task, for its clients, which work unmodified."""

from fastapi import APIRouter

from serving.answering import Answerer
from serving.dependencies import ANSWERING_ERRORS, Answering
from serving.huggingface import Task
from serving.schema import Span

router = APIRouter(tags=["Hugging Face"], responses=ANSWERING_ERRORS)


@router.post("/", response_model_exclude_none=True)
async def default_model(task: Task, answerer: Answering) -> Span | list[Span]:
    """Answer with the server's model; one answer, or a list of them with top_k > 1."""
    return await _answer(task, None, answerer)


@router.post("/models/{model}", response_model_exclude_none=True)
async def named_model(model: str, task: Task, answerer: Answering) -> Span | list[Span]:
    """Answer with the model of this name; one answer, or a list of them with top_k > 1."""
    return await _answer(task, model, answerer)


async def _answer(task: Task, model: str | None, answerer: Answerer) -> Span | list[Span]:
    asked = task.asked(model)
    spans = [Span(**vars(found)) for found in await answerer.answer(asked)]
    return spans if asked.top_k > 1 else spans[0]
