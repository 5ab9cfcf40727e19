"""From a question to its answers: windows, their logits, spans."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from tokenizers import Tokenizer

from embedded.inference import Logits
from embedded.selection import Choice
from qa.spans import Answer, LogitsError, best_answers
from qa.windows import Rows, WindowError, Windows, make_windows
from serving.admission import Admission, Ticket
from serving.deadline import Deadline
from serving.errors import (
    InvalidRequest,
    ModelFault,
    Overloaded,
    ServingError,
    TooLarge,
    UnknownModel,
)
from serving.metrics import Metrics
from serving.parts import Pace, infer_in_parts
from serving.pool import Pool
from serving.query import Query
from serving.schema import EXAMPLE, Question
from serving.settings import Settings
from serving.trace import Trace
from serving.triton import ModelInfo, Triton

logger = logging.getLogger(__name__)

FEW_WINDOWS = 4  # cutting them, or reading their logits, is faster than waking a thread


@dataclass(frozen=True)
class Answerer:
    """All that answering needs; many requests may use it at once."""

    settings: Settings
    choice: Choice  # the model that answers unless a question names another
    tokenizer: Tokenizer
    triton: Pool
    admission: Admission
    metrics: Metrics
    paces: defaultdict[ModelInfo, Pace] = field(default_factory=lambda: defaultdict(Pace))
    probes: dict[ModelInfo, Windows] = field(default_factory=dict)  # that `probe` sends to each

    async def info(self) -> ModelInfo:
        """Return what Triton says about the default model."""
        return await self.triton.info(self.choice.model, self.settings.ready_seconds)

    async def mean_batch(self) -> float | None:
        """Return the mean windows of an execution of the default model; None before the first."""
        return await self.triton.mean_batch(self.choice.model, self.settings.ready_seconds)

    async def answer(self, query: Query, trace: Trace, deadline: Deadline) -> list[Answer]:
        """Return the best ``query.span_options.top_k`` answers, best first."""
        self._check_lengths(query)
        info = await self._model(query.model, deadline)
        with self.admission.admit(self._estimate(query, info)) as ticket:
            return await self._answer(query, info, ticket, trace, deadline)

    async def answer_each(
        self, many: Sequence[Query | ServingError], trace: Trace, deadline: Deadline
    ) -> list[list[Answer] | ServingError]:
        """Answer every question as ``answer`` does; one that fails has its error in its place.

        They are admitted together or not at all. If none is answered, and the server is at fault
        for one of them, that error is raised instead.
        """
        checked = [await self._check(each, deadline) for each in many]
        estimates = [
            0 if isinstance(each, ServingError) else self._estimate(*each) for each in checked
        ]
        parts = [Trace(trace.id) for _ in many]
        with self.admission.admit(sum(estimates)) as ticket:
            results = await asyncio.gather(
                *(
                    self._answer_or_error(each, ticket, part, deadline)
                    for each, part in zip(checked, parts, strict=True)
                )
            )
        trace.gather(parts)
        faults = [each for each in results if isinstance(each, ServingError) and each.is_fault]
        if faults and not any(isinstance(each, list) for each in results):
            raise faults[0]
        for each in results:
            if isinstance(each, ServingError):
                self.metrics.observe_error(each.type)
        return results

    async def probe(self, triton: Pool | Triton, seconds: float | None = None) -> None:
        """Have ``triton`` answer a short question; raises as ``answer`` does.

        It has ``seconds``, or else the readiness timeout. Probes bypass admission and metrics, so
        that a loaded gateway stays ready. The question is tokenized once and kept.
        """
        seconds = self.settings.ready_seconds if seconds is None else seconds
        info = await triton.info(self.choice.model, seconds)
        query = Question.model_validate(EXAMPLE).query()
        if info not in self.probes:
            self.probes[info] = self._windows(query, info)
        windows = self.probes[info]
        infer = partial(triton.infer, info.name, timeout=seconds)
        logits = await infer_in_parts(windows, info.shape, Pace(), asyncio.Semaphore(), infer)
        self._decode(query, windows, logits)

    async def _check(
        self, query: Query | ServingError, deadline: Deadline
    ) -> tuple[Query, ModelInfo] | ServingError:
        if isinstance(query, ServingError):
            return query
        try:
            self._check_lengths(query)
            return query, await self._model(query.model, deadline)
        except ServingError as error:
            return error

    async def _answer_or_error(
        self,
        checked: tuple[Query, ModelInfo] | ServingError,
        ticket: Ticket,
        trace: Trace,
        deadline: Deadline,
    ) -> list[Answer] | ServingError:
        if isinstance(checked, ServingError):
            return checked
        try:
            return await self._answer(*checked, ticket, trace, deadline)
        except ServingError as error:
            if isinstance(error, ModelFault):
                logger.error("%s", error, exc_info=error)
            return error

    async def _answer(
        self, query: Query, info: ModelInfo, ticket: Ticket, trace: Trace, deadline: Deadline
    ) -> list[Answer]:
        estimate = self._estimate(query, info)
        is_short = estimate <= FEW_WINDOWS
        windows = await trace.run("tokenize", self._windows, query, info, is_short=is_short)
        trace.windows += len(windows)
        trace.tokens += windows.tokens
        trace.unknown += windows.unknown
        ticket.correct(estimate, len(windows))
        self.metrics.observe_windows(windows, info.shape)

        async def infer(rows: Rows) -> Logits:
            with ticket.computing(len(rows)):
                return await self.triton.infer(info.name, rows, deadline.left())

        pace = self.paces[info]
        with trace.stage("infer"):
            try:
                logits = await infer_in_parts(
                    windows, info.shape, pace, ticket.slots, infer, self.triton.ahead
                )
            except Overloaded as error:
                seconds = self.admission.retry_after(len(windows))
                raise Overloaded(str(error), retry_after=seconds) from error
        is_short = len(windows) <= FEW_WINDOWS
        answers = await trace.run("decode", self._decode, query, windows, logits, is_short=is_short)
        if self.settings.log_texts:
            texts = {"question": query.question, "context": query.context}
            logger.info("answered", extra={"fields": {**texts, "answer": answers[0].answer}})
        return answers

    async def _model(self, name: str | None, deadline: Deadline) -> ModelInfo:
        """Return the model that a question names; raises UnknownModel when it is not served."""
        if name not in (None, self.choice.model) and not self.triton.knows(name):
            served = await self.triton.models(deadline.left())
            if name not in served:
                raise UnknownModel(
                    f"model {name!r} is not served; served are {', '.join(sorted(served))}"
                )
        return await self.triton.info(name or self.choice.model, deadline.left())

    def _estimate(self, query: Query, info: ModelInfo) -> int:
        """Return about how many windows the query makes, at most as many as are allowed."""
        return min(query.estimate(info.shape.sequence_length), self.settings.max_windows)

    def _windows(self, query: Query, info: ModelInfo) -> Windows:
        try:
            return make_windows(
                self.tokenizer,
                query.question,
                query.context,
                query.window_options,
                sequence_length=info.shape.sequence_length,
                max_windows=self.settings.max_windows,
            )
        except WindowError as error:
            raise InvalidRequest(str(error)) from error

    def _decode(self, query: Query, windows: Windows, logits: Logits) -> list[Answer]:
        try:
            return best_answers(
                windows,
                query.context,
                logits.start,
                logits.end,
                query.span_options,
                temperature=self.settings.temperature,
            )
        except LogitsError as error:
            raise ModelFault(str(error)) from error

    def _check_lengths(self, query: Query) -> None:
        for name, text, limit in (
            ("question", query.question, self.settings.max_question_chars),
            ("context", query.context, self.settings.max_context_chars),
        ):
            if len(text) > limit:
                raise TooLarge(f"{name} has {len(text)} characters; at most {limit} are allowed")
