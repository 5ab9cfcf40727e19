"""A baseline: transformers' question-answering pipeline behind FastAPI and uvicorn.

It runs as a file, with the Python of an environment made from ``requirements.txt``, in which
nothing of this project is installed. It is what someone who knows these libraries would write:
endpoints that are not async, so that FastAPI calls them in a thread of its pool; torch on all
cores; and an endpoint for many questions, which the pipeline computes in batches of contexts of
similar length. The pipeline's defaults apply: windows of 384 tokens that overlap by 128, answers of
at most 15 tokens.
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

BATCH_SIZE = 8  # windows, which are padded to the longest of them


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
        dtype=torch.float32,  # float16, as in the file, is slow on a CPU or does not run
    )
    answerer.model.eval()
    app = FastAPI(title="transformers pipeline")

    @app.get("/health/ready")
    def ready() -> None:
        """Reply as soon as the server is up."""

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
    """Answer the longest contexts first, so that a batch has contexts of similar length."""
    order = sorted(range(len(pairs)), key=lambda number: -len(pairs[number].context))
    found = answerer(
        question=[pairs[number].question for number in order],
        context=[pairs[number].context for number in order],
        batch_size=BATCH_SIZE,
    )
    each = found if isinstance(found, list) else [found]  # a single answer is not in a list
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
