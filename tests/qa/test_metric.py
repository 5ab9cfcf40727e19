import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.metric import evaluate, evaluate_v2, exact_match, f1, metric_notice, normalize_answer
from qa.squad import SAMPLE, Example, SquadError, read_examples


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


def test_the_best_gold_answer_counts_and_a_missing_answer_scores_zero() -> None:
    examples = [
        Example("1", "q", "c", ("wrong", "right answer")),
        Example("2", "q", "c", ("other",)),
    ]
    scores = evaluate(examples, ["right", None])
    assert (scores.exact_match, scores.total) == (0, 2)
    assert scores.f1 == pytest.approx(100 * (2 / 3) / 2)
    assert evaluate(examples, ["Right answer", "other"]).exact_match == 100


def test_questions_of_one_id_are_scored_by_their_own_answers() -> None:
    examples = [Example("1", "q", "c", (gold,)) for gold in ("one", "two")]
    assert evaluate(examples, ["one", "two"]).exact_match == 100
    assert evaluate(examples, ["two", "one"]).exact_match == 0
    assert evaluate(examples, ["one", None]).exact_match == 50


def test_an_answer_too_few_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="longer"):
        evaluate([Example("1", "q", "c", ("one",))], [])
    with pytest.raises(SquadError, match="no question"):
        evaluate([], [])


@pytest.mark.parametrize(
    ("golds", "prediction", "em", "score"),
    [
        ((), "", 100, 100),  # there is none, and it was said so
        ((), "the", 100, 100),  # an article is no word
        ((), "x", 0, 0),
        (("x y", "x"), "", 0, 0),
        (("x y", "z"), "x", 0, 200 / 3),
        (("the", "x"), "", 0, 0),  # a gold answer without words does not count
        (("the",), "", 100, 100),  # but where there is no other
        (("$",), "$", 100, 100),
        ((".", "the"), "x", 0, 0),
        ((), None, 0, 0),  # it failed
    ],
)
def test_edge_cases_of_the_official_script_of_v2(
    golds: tuple[str, ...], prediction: str | None, em: float, score: float
) -> None:
    example = Example("1", "q", "c", golds)
    scores = evaluate_v2([example], [prediction])
    assert scores.exact_match == em
    assert scores.f1 == pytest.approx(score)
    without_words = Example("2", "q", "c", (".",))
    for other in ((), (".",)):  # either makes it the metric of all
        both = evaluate([example, Example("2", "q", "c", other)], [prediction, None])
        assert both == evaluate_v2([example, without_words], [prediction, None])


def test_v2_is_v1_where_all_gold_answers_have_words() -> None:
    examples = read_examples(SAMPLE)
    answers = [each.context[:40] if at % 2 else None for at, each in enumerate(examples)]
    assert evaluate_v2(examples, answers) == evaluate(examples, answers)


def test_one_gold_answer_without_words_beside_others_is_v1s() -> None:
    example = Example("1", "q", "c", ("interventionism", "."))  # dev-v1.1 has three such questions
    assert evaluate([example], [","]).exact_match == 100
    assert evaluate_v2([example], [","]).exact_match == 0


def question(context: str, gold: str) -> Example:
    return Example("1", "q", context, (gold,))


ENGLISH = question("William, Duke of Normandy, led it.", "Duke of Normandy")
CHINESE = question("磨坊主是林建國。", "林建國")
KOREAN = question("서울은 한국의 수도이다.", "서울")
JAPANESE = question("首都は東京です。", "東京")


@pytest.mark.parametrize(
    ("examples", "share"),
    [
        ([CHINESE], "100%"),
        ([CHINESE, KOREAN, JAPANESE, ENGLISH], "75%"),
        ([CHINESE, JAPANESE, Example("1", "q", "c", ("x", "c"))], "67%"),
    ],
)
def test_a_metric_of_words_warns_where_there_are_none(examples: list[Example], share: str) -> None:
    notice = metric_notice(examples)
    assert notice is not None
    assert notice.startswith(f"warning: {share} of the gold answers")
    assert evaluate([CHINESE], ["磨坊主是林建國"]).f1 == 0  # as is right for the official metric


@pytest.mark.parametrize(
    "examples",
    [
        read_examples(SAMPLE),
        [CHINESE, ENGLISH],
        [Example("1", "q", "磨坊主是林建國", ())],
        [question("it was $1,000 - or so", "$1,000")],
        [question("Was ist das?", ".")],
        [question("Was ist das?", "nicht darin")],  # this is amiss, but not for its script
    ],
)
def test_a_metric_of_words_does_not_warn(examples: list[Example]) -> None:
    assert metric_notice(examples) is None
