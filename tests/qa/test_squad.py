import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.squad import (
    Example,
    SquadError,
    evaluate,
    evaluate_v2,
    exact_match,
    f1,
    normalize_answer,
    read_examples,
)

SAMPLE = Path(__file__).parent.parent / "data" / "squad-dev-sample.json"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Norman  Conquest!", "norman conquest"),
        ("an a the", ""),
        ("Theatre", "theatre"),
        ("a.b", "ab"),  # punctuation goes first, so that no article is left
        ("the-end", "theend"),
        ("$5,000.50", "500050"),
        ("\u00e9cole\u00a0x", "\u00e9cole x"),  # accents stay, a no-break space is white space
        ("\u201cquoted\u201d \u2013 dash", "\u201cquoted\u201d \u2013 dash"),  # only ASCII marks go
    ],
)
def test_normalisation_is_the_official_one(text: str, normal: str) -> None:
    assert normalize_answer(text) == normal


@pytest.mark.parametrize(
    ("prediction", "gold", "em", "score"),
    [
        ("William the Conqueror", "william conqueror", 1, 1),
        ("William", "William the Conqueror", 0, 2 / 3),
        ("in 1066", "1066", 0, 2 / 3),
        ("no no no", "no", 0, 0.5),  # bags, not sets: one of three words is shared
        ("x", "y", 0, 0),
        ("the", "a", 1, 0),  # both normalise to nothing: v1.1 says EM 1, F1 0
        ("", "x", 0, 0),
    ],
)
def test_edge_cases_of_the_official_script(
    prediction: str, gold: str, em: float, score: float
) -> None:
    assert exact_match(prediction, gold) == em
    assert f1(prediction, gold) == pytest.approx(score)


@given(st.text(), st.text())
@settings(deadline=None)
def test_f1_is_symmetric_and_in_range(one: str, other: str) -> None:
    assert f1(one, other) == pytest.approx(f1(other, one))
    assert 0 <= f1(one, other) <= 1


def test_the_best_gold_answer_counts_and_a_missing_prediction_scores_zero() -> None:
    examples = [
        Example("1", "q", "c", ("wrong", "right answer")),
        Example("2", "q", "c", ("other",)),
    ]
    scores = evaluate(examples, {"1": "right"})
    assert (scores.exact_match, scores.total) == (0, 2)
    assert scores.f1 == pytest.approx(100 * (2 / 3) / 2)
    assert evaluate(examples, {"1": "Right answer", "2": "other"}).exact_match == 100


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(SquadError, match="no question"):
        evaluate([], {})
    with pytest.raises(SquadError, match="'7' has no gold answer"):
        evaluate([Example("7", "q", "c", ())], {})


@pytest.mark.parametrize(
    ("answers", "prediction", "em", "score"),
    [
        ((), "", 100, 100),  # there is none, and it was said so
        ((), "the", 100, 100),  # an article is no word
        ((), "x", 0, 0),
        (("x y", "x"), "", 0, 0),
        (("x y", "z"), "x", 0, 200 / 3),
        (("the", "x"), "", 0, 0),  # a gold answer without words does not count
        (("the",), "", 100, 100),  # but where there is no other
    ],
)
def test_edge_cases_of_the_official_script_of_v2(
    answers: tuple[str, ...], prediction: str, em: float, score: float
) -> None:
    scores = evaluate_v2([Example("1", "q", "c", answers)], {"1": prediction})
    assert scores.exact_match == em
    assert scores.f1 == pytest.approx(score)


def test_v2_is_v1_where_there_are_answers() -> None:
    examples = read_examples(SAMPLE)
    predictions = {each.id: each.context[:40] for each in examples[::2]}
    assert evaluate_v2(examples, predictions) == evaluate(examples, predictions)
    with pytest.raises(SquadError, match="no question"):
        evaluate_v2([], {})


def test_the_sample_is_read_plain_and_gzipped(tmp_path: Path) -> None:
    examples = read_examples(SAMPLE)
    assert len(examples) == 200
    assert all(answer in each.context for each in examples for answer in each.answers)
    assert examples[0].title == json.loads(SAMPLE.read_text())["data"][0]["title"]
    packed = tmp_path / "sample.json.gz"
    packed.write_bytes(gzip.compress(SAMPLE.read_bytes()))
    assert read_examples(packed) == examples


QUESTION = {"id": "q1", "question": "Who?", "answers": [{"text": "x", "answer_start": 0}]}


def article(**changes: Any) -> dict[str, Any]:
    return {"data": [{"title": "T", "paragraphs": [{"context": "x", "qas": [QUESTION | changes]}]}]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "not a SQuAD file"),
        ("[]", "not a SQuAD file"),
        ('{"data": []}', "holds no questions"),
        ('{"data": [3]}', "article 0"),
        ('{"data": [{"title": "T"}]}', r"article 0 \('T'\): KeyError: 'paragraphs'"),
        (json.dumps(article(answers=[{}])), "question 'q1' of 'T': KeyError: 'text'"),
        (json.dumps(article(question=5)), "question 'q1' of 'T': TypeError"),
        (json.dumps(article(answers=[{"text": 5}])), "question 'q1' of 'T': TypeError"),
    ],
)
def test_a_malformed_file_is_named_with_its_place(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(SquadError, match=message) as caught:
        read_examples(path)
    assert str(path) in str(caught.value)


def test_a_missing_or_truncated_file(tmp_path: Path) -> None:
    with pytest.raises(SquadError, match="No such file"):
        read_examples(tmp_path / "none.json")
    packed = tmp_path / "cut.json.gz"
    packed.write_bytes(gzip.compress(SAMPLE.read_bytes())[:1000])
    with pytest.raises(SquadError, match="not a SQuAD file"):
        read_examples(packed)
