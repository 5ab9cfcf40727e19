import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from qa.squad import SAMPLE, Example, SquadError, has_unanswerable, read_examples
from tests.conftest import ROOT

CONTEXT = "William crossed the sea."
ANSWER = {"text": "William", "answer_start": 0}
QUESTION = {"id": "q1", "question": "Who?", "answers": [ANSWER]}


def squad(*questions: object, context: object = CONTEXT, **article: object) -> dict[str, Any]:
    paragraphs = [{"context": context, "qas": questions}]
    return {"version": "1.1", "data": [{"title": "T", "paragraphs": paragraphs} | article]}


def read(folder: Path, content: object) -> list[Example]:
    path = folder / "squad.json"
    path.write_text(json.dumps(content))
    return read_examples(path)


def one(folder: Path, **changes: object) -> Example:
    (example,) = read(folder, squad(QUESTION | changes))
    return example


def test_the_sample() -> None:
    examples = read_examples(SAMPLE)
    assert len(examples) == 200
    assert all(answer in each.context for each in examples for answer in each.answers)
    assert examples[0].title == json.loads(SAMPLE.read_text())["data"][0]["title"]


@pytest.mark.parametrize("name", ["sample.json", "sample.json.gz"])
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_file_is_read_by_what_it_holds(
    tmp_path: Path, name: str, zipped: bool, encoding: str
) -> None:
    """Not by its name: browsers unpack what they save, and editors write byte order marks."""
    content = SAMPLE.read_text(encoding="utf-8").encode(encoding)
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if zipped else content)
    assert read_examples(path) == read_examples(SAMPLE)


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": []},
        {"answers": [], "is_impossible": True},
        {"answers": [], "is_impossible": False},
        {"answers": [{"text": ""}]},
        {"answers": [{"text": "", "answer_start": -1}, {"text": " \n", "answer_start": 7}]},
        {"answers": [{"text": "", "answer_start": None}], "is_impossible": True},
        {"answers": [], "is_impossible": True, "plausible_answers": [ANSWER]},
    ],
)
def test_no_answer_however_a_tool_writes_it(tmp_path: Path, changes: dict[str, object]) -> None:
    example = one(tmp_path, **changes)
    assert example.answers == ()
    assert has_unanswerable([example])


def test_no_answer_without_the_key(tmp_path: Path) -> None:
    (example,) = read(tmp_path, squad({"id": "q", "question": "Who?", "is_impossible": True}))
    assert example.answers == ()


@pytest.mark.parametrize(
    ("answers", "golds"),
    [
        ([ANSWER, ANSWER], ("William", "William")),  # no metric counts them twice
        ([{"text": ""}, ANSWER], ("William",)),
        ([{"text": "."}], (".",)),  # a gold answer without words is one; the metric knows it
        ([{"text": " William "}], (" William ",)),
        ([{"text": "William"}], ("William",)),
        ([ANSWER | {"answer_start": 3}], ("William",)),  # in bytes, or in another text
        ([ANSWER | {"answer_start": "0", "answer_id": 5, "answer_category": None}], ("William",)),
    ],
)
def test_gold_answers(tmp_path: Path, answers: object, golds: tuple[str, ...]) -> None:
    example = one(tmp_path, answers=answers, is_impossible=False)
    assert example.answers == golds
    assert not has_unanswerable([example])


@pytest.mark.parametrize(("given", "read_as"), [(7, "7"), ("7", "7"), ("", ""), (-1, "-1")])
def test_an_id_is_a_text_or_an_integer(tmp_path: Path, given: object, read_as: str) -> None:
    assert one(tmp_path, id=given).id == read_as


def test_questions_of_one_id_are_all_kept(tmp_path: Path) -> None:
    examples = read(tmp_path, squad(QUESTION, QUESTION | {"id": 1}, QUESTION | {"id": "1"}))
    assert [each.id for each in examples] == ["q1", "1", "1"]


def test_an_article_needs_no_title(tmp_path: Path) -> None:
    without = squad(QUESTION)
    del without["data"][0]["title"]
    for content in (without, squad(QUESTION, title=None), squad(QUESTION, title="")):
        (example,) = read(tmp_path, content)
        assert example.title == ""


def test_a_text_is_kept_to_the_space(tmp_path: Path) -> None:
    (example,) = read(tmp_path, squad(QUESTION, context=f"\n {CONTEXT} \U0001f600 "))
    assert example.context == f"\n {CONTEXT} \U0001f600 "


def test_the_form_that_the_documentation_shows(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "evaluating.md").read_text(encoding="utf-8")
    (form,) = re.findall("```json\n(.*?)```", page, re.DOTALL)
    assert [each.answers for each in read(tmp_path, json.loads(form))] == [("William",), ()]


def test_what_annotation_tools_add(tmp_path: Path) -> None:
    """A paragraph without questions yet, and keys of their own."""
    content = squad(QUESTION | {"is_impossible": False}, id=3)
    content["data"][0]["paragraphs"] += [{"context": "", "qas": [], "document_id": 7}]
    content["data"] += [{"title": "empty", "paragraphs": []}]
    assert len(read(tmp_path, content)) == 1


FORM = r'the form is \{"data": \[\{"title"'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], r"not a SQuAD file: the file: \[\] is not an object with the key 'data'"),
        ({}, f"not a SQuAD file: the file has no 'data'; {FORM}"),
        ({"data": {"x": 1}}, r"not a SQuAD file: the file: 'data' is \{'x': 1\}; .* a list"),
        ({"data": []}, "holds no questions"),
        ({"data": [3]}, "article 0: 3 is not an object"),
        ({"data": [{"title": "T"}]}, f"article 0 .'T'. has no 'paragraphs'; {FORM}"),
        # Hugging Face's rows
        ({"data": [QUESTION | {"context": "x"}]}, "article 0 .''. has no 'paragraphs'"),
        ({"data": [{"title": "T", "paragraphs": [{}]}]}, "article 0 .'T'. has no 'qas'"),
        (squad(QUESTION, title=7), "article 0: 'title' is 7; it must be a text"),
        (squad("Who?"), "question 0 of 'T': 'Who\\?' is not an object"),
        (squad({"question": "Who?"}), "question 0 of 'T' has no 'id'"),
        (squad(QUESTION | {"id": None}), "'id' is None; it must be a text or an integer"),
        (squad(QUESTION | {"id": True}), "'id' is True"),
        (squad(QUESTION | {"id": 1.5}), "'id' is 1.5"),
        (squad(QUESTION | {"question": 5}), "question 'q1' of 'T': 'question' is 5"),
        (squad(QUESTION | {"question": None}), "'question' is None; it must be a text"),
        (squad(QUESTION | {"question": " \t\u3000"}), r"its question is ' \\t\\u3000', which hold"),
        (squad(QUESTION | {"question": "\u200b\u0301\0"}), "its question is .*, which holds no te"),
        (squad(QUESTION, context=" "), "question 'q1' of 'T': its context is ' ', which holds no"),
        (squad(QUESTION, context=["x"]), r"'context' is \['x'\]; it must be a text"),
        (squad(QUESTION, context="x \ud83d"), r"its context has half .* '\\ud83d', at 2"),
        (squad(QUESTION | {"answers": {"text": ["x"]}}), "'answers' is .*; it must be a list"),
        (squad(QUESTION | {"answers": None}), "'answers' is None; it must be a list"),
        (squad(QUESTION | {"answers": ["x"]}), "an answer: 'x' is not an object with the key 'te"),
        (squad(QUESTION | {"answers": [{}]}), "'q1' of 'T': an answer has no 'text'"),
        (squad(QUESTION | {"answers": [{"text": 5}]}), "an answer: 'text' is 5; it must be a text"),
        (squad(QUESTION | {"answers": [{"text": None}]}), "an answer: 'text' is None"),
        (squad({"id": "q1", "question": "Who?"}), "an empty list says: no answer.* no 'answers'"),
        (
            squad(QUESTION | {"is_impossible": True}),
            "'is_impossible' is true, but it has the answer 'William'; remove one",
        ),
        (squad(QUESTION | {"is_impossible": "no"}), "'is_impossible' is 'no'; it must be true or"),
        (squad(QUESTION | {"question": ["x" * 999]}), "'question' is \\['x{78}\\.\\.\\.; it must"),
    ],
)
def test_what_is_malformed_is_named_with_its_place(
    tmp_path: Path, content: object, message: str
) -> None:
    with pytest.raises(SquadError, match=message) as caught:
        read(tmp_path, content)
    assert str(tmp_path / "squad.json") in str(caught.value)


ROW = json.dumps(QUESTION).encode()  # doccano and Hugging Face write one a line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not json", "not a SQuAD file: it is not one JSON document: Expecting value"),
        (b"", "it is not one JSON document"),
        (ROW + b"\n" + ROW, "it is not one JSON document: Extra data: line 2"),
        (b'{"data": "caf\xe9"}', "save it as UTF-8: 'utf-8' codec can't decode byte 0xe9"),
        (b"[" * 100_000, "RecursionError"),
        (gzip.compress(SAMPLE.read_bytes())[:1000], "EOFError"),
        (b"\x1f\x8b" + b"\xff" * 40, "BadGzipFile"),
        (gzip.compress(SAMPLE.read_bytes())[:100] + b"\xff" * 100, "error: Error -3"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(SquadError, match=message) as caught:
        read_examples(path)
    assert str(caught.value).startswith(f"{path} is not a SQuAD file: ")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SquadError, match=r"cannot be read: No such file .*; name a SQuAD"):
        read_examples(tmp_path / "none.json")
    with pytest.raises(SquadError, match="cannot be read: Is a directory"):
        read_examples(tmp_path)
    with pytest.raises(SquadError, match="cannot be read: embedded null byte"):
        read_examples(tmp_path / "a\0b")
