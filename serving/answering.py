"""From a question to its answers: windows, one inference, spans."""

import asyncio
from dataclasses import dataclass

from tokenizers import Tokenizer

from qa.spans import Answer, LogitsError, best_answers
from qa.windows import WindowError, make_windows
from serving.errors import InvalidRequest, ModelFault, TooLarge
from serving.schema import EXAMPLE, Question
from serving.settings import Settings
from serving.triton import ModelInfo, Triton


@dataclass(frozen=True)
class Answerer:
    """All that answering takes; safe to use from many requests at once."""

    settings: Settings
    tokenizer: Tokenizer
    triton: Triton

    async def info(self) -> ModelInfo:
        """Return what Triton says of the model."""
        return await self.triton.info(self.settings.ready_seconds)

    async def answer(self, question: Question) -> list[Answer]:
        """Return the best ``question.top_k`` answers, best first."""
        self._check_length("question", question.question, self.settings.max_question_chars)
        self._check_length("context", question.context, self.settings.max_context_chars)
        return await self._answer(question, self.settings.request_seconds)

    async def probe(self) -> None:
        """Answer a short question, within the readiness timeout; raises as ``answer`` does."""
        await self._answer(Question.model_validate(EXAMPLE), self.settings.ready_seconds)

    async def _answer(self, question: Question, seconds: float) -> list[Answer]:
        info = await self.info()
        # tokenizing and decoding run in threads, so that the event loop goes on meanwhile
        try:
            windows = await asyncio.to_thread(
                make_windows,
                self.tokenizer,
                question.question,
                question.context,
                sequence_length=info.sequence_length,
                doc_stride=question.doc_stride,
                max_windows=min(self.settings.max_windows, info.max_batch_size),
            )
        except WindowError as error:
            raise InvalidRequest(str(error)) from error
        logits = await self.triton.infer(windows, seconds)
        try:
            return await asyncio.to_thread(
                best_answers,
                windows,
                question.context,
                logits.start,
                logits.end,
                top_k=question.top_k,
                max_answer_len=question.max_answer_len,
            )
        except LogitsError as error:
            raise ModelFault(str(error)) from error

    def _check_length(self, field: str, text: str, limit: int) -> None:
        if len(text) > limit:
            raise TooLarge(f"{field} has {len(text)} characters; at most {limit} are allowed")
