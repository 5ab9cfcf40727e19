"""The gateway's own schema: one question, or many in one request."""

from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError

from serving.dependencies import ANSWERING_ERRORS, KEYED, AnswererDep, DeadlineDep, TraceDep
from serving.errors import InvalidRequest, ServingError, describe, error_body
from serving.lean_route import LeanRoute
from serving.schema import Answered, ErrorBody, Pairs, Question, Replies

router = APIRouter(
    route_class=LeanRoute,
    tags=["answering"],
    responses=ANSWERING_ERRORS,
    dependencies=[KEYED],
)


@router.post("/answer", response_model_exclude_none=True)
async def answer(
    question: Question, answerer: AnswererDep, trace: TraceDep, deadline: DeadlineDep
) -> Answered:
    """Answer one question from its context."""
    return Answered.of(question, await answerer.answer(question.query(), trace, deadline))


@router.post("/answers", response_model_exclude_none=True)
async def answers(
    body: Pairs, answerer: AnswererDep, trace: TraceDep, deadline: DeadlineDep
) -> Replies:
    """Answer up to 128 questions, each from its context; an invalid one gets its error in place."""
    allowed = answerer.settings.max_pairs
    if len(body.pairs) > allowed:
        raise InvalidRequest(f"pairs: there are {len(body.pairs)}; at most {allowed} are allowed")
    questions = [_question(pair) for pair in body.pairs]
    queries = [each.query() if isinstance(each, Question) else each for each in questions]
    results = await answerer.answer_each(queries, trace, deadline)
    replies: list[Answered | ErrorBody] = []
    for question, result in zip(questions, results, strict=True):
        if isinstance(question, Question) and isinstance(result, list):
            replies.append(Answered.of(question, result))
        elif isinstance(result, ServingError):
            replies.append(ErrorBody.model_validate(error_body(result.type, str(result))))
    return Replies(answers=replies)


def _question(pair: Any) -> Question | ServingError:
    try:
        return Question.model_validate(pair)
    except ValidationError as error:
        return describe(error.errors())
