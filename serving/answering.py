"""From a question to its answers: windows, one inference, spans."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from qa.spans import Answer, LogitsError, best_answers
from qa.windows import WindowError, Windows, make_windows
from serving.asked import Asked
from serving.errors import InvalidRequest, ModelFault, ServingError, TooLarge, UnknownModel
from serving.schema import EXAMPLE, Question
from serving.settings import Settings
from serving.triton import Logits, ModelInfo, Triton


@dataclass(frozen=True)
class Answerer:
    """All that answering takes; safe to use from many requests at once."""

    settings: Settings
    model: str  # that answers unless a question names another
    tokenizer: Tokenizer
    triton: Triton

    async def info(self) -> ModelInfo:
        """Return what Triton says of the default model."""
        return await self.triton.info(self.model, self.settings.ready_seconds)

    async def answer(self, asked: Asked) -> list[Answer]:
        """Return the best ``asked.top_k`` answers, best first."""
        self._check_length("question", asked.question, self.settings.max_question_chars)
        self._check_length("context", asked.context, self.settings.max_context_chars)
        return await self._answer(asked, self.settings.request_seconds)

    async def answer_each(
        self, many: Sequence[Asked | ServingError]
    ) -> list[list[Answer] | ServingError]:
        """Answer every question as ``answer`` does; one that cannot be gets its error in place.

        When none is answered and one met a fault of the server, that fault is raised instead.
        """
        results = await asyncio.gather(*(self._answer_or_error(each) for each in many))
        faults = [each for each in results if isinstance(each, ServingError) and each.is_fault]
        if faults and not any(isinstance(each, list) for each in results):
            raise faults[0]
        return results

    async def probe(self) -> None:
        """Answer a short question, within the readiness timeout; raises as ``answer`` does."""
        await self._answer(Question.model_validate(EXAMPLE).asked(), self.settings.ready_seconds)

    async def _answer_or_error(self, asked: Asked | ServingError) -> list[Answer] | ServingError:
        if isinstance(asked, ServingError):
            return asked
        try:
            return await self.answer(asked)
        except ServingError as error:
            return error

    async def _answer(self, asked: Asked, seconds: float) -> list[Answer]:
        info = await self._model(asked.model)
        # tokenizing and decoding run in threads, so that the event loop goes on meanwhile
        windows = await asyncio.to_thread(self._windows, asked, info)
        logits = await self.triton.infer(info.name, windows, seconds)
        return await asyncio.to_thread(self._decode, asked, windows, logits)

    async def _model(self, name: str | None) -> ModelInfo:
        """Return the model that a question names; raises UnknownModel when it is not served."""
        if name not in (None, self.model) and not self.triton.knows(name):
            served = await self.triton.models(self.settings.ready_seconds)
            if name not in served:
                raise UnknownModel(
                    f"model {name!r} is not served; served are {', '.join(sorted(served))}"
                )
        return await self.triton.info(name or self.model, self.settings.ready_seconds)

    def _windows(self, asked: Asked, info: ModelInfo) -> Windows:
        try:
            return make_windows(
                self.tokenizer,
                asked.question,
                asked.context,
                sequence_length=info.sequence_length,
                doc_stride=asked.doc_stride,
                overlap=asked.overlap,
                max_question_len=asked.max_question_len,
                max_seq_len=asked.max_seq_len,
                max_windows=min(self.settings.max_windows, info.max_batch_size),
            )
        except WindowError as error:
            raise InvalidRequest(str(error)) from error

    def _decode(self, asked: Asked, windows: Windows, logits: Logits) -> list[Answer]:
        try:
            return best_answers(
                windows,
                asked.context,
                logits.start,
                logits.end,
                top_k=asked.top_k,
                max_answer_len=asked.max_answer_len,
                align_to_words=asked.align_to_words,
                null_threshold=asked.null_threshold,
                temperature=self.settings.temperature,
            )
        except LogitsError as error:
            raise ModelFault(str(error)) from error

    def _check_length(self, field: str, text: str, limit: int) -> None:
        if len(text) > limit:
            raise TooLarge(f"{field} has {len(text)} characters; at most {limit} are allowed")
