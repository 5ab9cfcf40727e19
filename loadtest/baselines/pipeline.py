"""A baseline: transformers' question-answering pipeline behind FastAPI and uvicorn.

Run as a file, by the Python of an environment made of ``requirements.txt``, where nothing of this
project is installed. It is written as someone who knows these libraries would: an endpoint that is
not async, so that FastAPI calls it in a thread of its pool, and torch on all cores; and one for
many questions, which the pipeline computes in batches of contexts of like length. The pipeline's
own defaults hold: windows of 384 tokens that overlap by 128, answers of at most 15 tokens.
"""

import argparse
import os
from collections.abc import Sequence
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

BATCH_SIZE = 8  # windows; contexts of like length are padded to the longest of so many


class Question(BaseModel):
    """A question, and the context that holds its answer."""

    question: str
    context: str


class Answer(BaseModel):
    """A span of the context: ``context[start:end] == answer``."""

    answer: str
    score: float
    start: int
    end: int


class Questions(BaseModel):
    """Many questions, each with its context."""

    pairs: list[Question]


class Answers(BaseModel):
    """Their answers, in the same order."""

    answers: list[Answer]


def make_app(checkpoint: str) -> FastAPI:
    """Return the server for ``checkpoint``, a folder in Hugging Face layout."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    answerer = pipeline(
        "question-answering",
        model=checkpoint,
        tokenizer=checkpoint,
        device="cpu",
        dtype=torch.float32,  # the file's float16 is slow on a CPU, where it runs at all
    )
    answerer.model.eval()
    app = FastAPI(title="transformers pipeline")

    @app.get("/health/ready")
    def ready() -> None:
        """Reply at all."""

    @app.post("/answer")
    def answer(question: Question) -> Answer:
        """Answer one question."""
        return Answer(**answerer(question=question.question, context=question.context))

    @app.post("/answers")
    def answers(body: Questions) -> Answers:
        """Answer many questions in batches."""
        return Answers(answers=_in_batches(answerer, body.pairs))

    return app


def _in_batches(answerer: Any, pairs: Sequence[Question]) -> list[Answer]:
    """Answer the longest contexts first, so that a batch is padded to its own longest only."""
    order = sorted(range(len(pairs)), key=lambda number: -len(pairs[number].context))
    found = answerer(
        question=[pairs[number].question for number in order],
        context=[pairs[number].context for number in order],
        batch_size=BATCH_SIZE,
    )
    each = found if isinstance(found, list) else [found]  # one answer comes without a list
    answers = dict(zip(order, each, strict=True))
    return [Answer(**answers[number]) for number in range(len(pairs))]


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", help="a folder in Hugging Face layout")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    app = make_app(arguments.checkpoint)
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, access_log=False)


if __name__ == "__main__":
    main()
