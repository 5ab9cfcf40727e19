from pathlib import Path

import pytest

from loadtest.errors import LoadTestError
from loadtest.load.questions import Answer, Question, body_of, parse_answers, read_questions
from qa.squad import SAMPLE


def test_the_order_is_shuffled_and_always_the_same() -> None:
    all_ = read_questions(SAMPLE, 1000)
    assert len(set(all_)) == 200
    assert read_questions(SAMPLE, 20) == all_[:20]
    contexts = [each.context for each in all_]
    assert contexts != sorted(contexts, key=contexts.index)  # not by article, as in the file


@pytest.mark.parametrize("content", [None, "{}", "not JSON"])
def test_a_file_that_is_none_of_squads(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "dataset.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LoadTestError, match=r"the questions cannot be read: .*dataset\.json"):
        read_questions(path, 10)


def test_each_route_has_its_body() -> None:
    question = Question("Who?", "He did.")
    assert body_of([question], "/answer") == '{"question": "Who?", "context": "He did."}'
    assert body_of([question], "/") == '{"inputs": {"question": "Who?", "context": "He did."}}'
    asked = '{"question": "Who?", "context": "He did."}'
    assert body_of([question] * 2, "/answers") == f'{{"pairs": [{asked}, {asked}]}}'


def test_answers_are_compared_without_their_score() -> None:
    reply = b'{"answer": "He", "start": 0, "end": 2, "score": %s}'
    for score in (b"0.5", b"0.6"):
        assert parse_answers(reply % score, "/answer") == [Answer("He", 0, 2)]


@pytest.mark.parametrize("reply", [b"", b"null", b"[]", b'{"answer": "He"}', b"<html>"])
def test_what_is_no_answer(reply: bytes) -> None:
    assert parse_answers(reply, "/answer") == [None]
    assert parse_answers(b'{"answers": [%s]}' % reply, "/answers", 2) == [None, None]


def test_many_answers_come_in_one_reply() -> None:
    reply = b'{"answers": [{"answer": "He", "start": 0, "end": 2}, {}]}'
    assert parse_answers(reply, "/answers", 3) == [Answer("He", 0, 2), None, None]
    assert parse_answers(reply, "/answers") == [Answer("He", 0, 2)]
