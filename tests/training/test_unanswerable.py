"""Questions that their paragraph does not answer."""

import re
from collections import Counter

import pytest

from qa.metric import normalize_answer
from qa.squad import SAMPLE, Example, read_examples
from training.opposites import OPPOSITES
from training.unanswerable import KINDS, elsewhere, unanswerable

EXAMPLES = read_examples(SAMPLE)
ARTICLES = [
    Example(
        f"{title}-{number}", "who?", f"context {number} of {title}", (f"context {number}",), title
    )
    for title in (f"article {number}" for number in range(400))
    for number in range(3)
]
CONTEXT = (
    "In June 1066 the army of William came to Hastings with 700 ships. It won the first battle. "
    "Later, in 1087, Robert lost Normandy."
)


def kind_of(example: Example) -> str:
    return next(kind for kind in KINDS if example.id.endswith(f"-{kind}"))


def made_of(question: str, answer: str = "Robert", context: str = CONTEXT) -> dict[str, Example]:
    """What one question becomes, by kind, with many seeds."""
    example = Example("id", question, context, (answer,), "Normans")
    made = [each for seed in range(30) for each in unanswerable([example], 1.0, seed)]
    return {kind_of(each): each for each in made}


def test_another_paragraph_does_not_hold_the_answer() -> None:
    made = elsewhere(EXAMPLES, 0.5, seed=1)
    assert 0 < len(made) <= len(EXAMPLES) / 2
    originals = {each.id: each for each in EXAMPLES}
    for each in made:
        original = originals[each.id.removesuffix("-elsewhere")]
        assert (each.question, each.title, each.answers) == (original.question, original.title, ())
        assert each.context != original.context
        assert any(each.context == other.context for other in EXAMPLES if other.title == each.title)
        assert not any(text.lower() in each.context.lower() for text in original.answers)
    assert made == elsewhere(EXAMPLES, 0.5, seed=1) != elsewhere(EXAMPLES, 0.5, seed=2)


def test_an_article_that_answers_everywhere_gives_none() -> None:
    contexts = ("The Normans came", "the NORMANS, again")
    examples = [Example(text, "who?", text, ("Normans",), "n") for text in contexts]
    assert elsewhere(examples, 1.0, seed=1) == []


def test_no_question_is_taken_twice() -> None:
    made = elsewhere(ARTICLES, 1.0, seed=1)
    assert len(made) == len(ARTICLES)
    assert max(Counter(each.id for each in made).values()) == 1


def test_a_changed_question_or_paragraph() -> None:
    made = unanswerable(EXAMPLES, 1.0, seed=1)
    assert 0.9 * len(EXAMPLES) < len(made) <= len(EXAMPLES)
    assert {kind_of(each) for each in made} == set(KINDS)
    originals = {each.id: each for each in EXAMPLES}
    for each in made:
        original = originals[each.id.removesuffix(f"-{kind_of(each)}")]
        assert each.answers == ()
        if kind_of(each) == "left-out":
            assert each.question == original.question
            kept = normalize_answer(each.context)
            assert kept
            assert not any(normalize_answer(text) in kept for text in original.answers)
        else:
            assert each.context == original.context
            assert each.question != original.question
    assert made == unanswerable(EXAMPLES, 1.0, seed=1) != unanswerable(EXAMPLES, 1.0, seed=2)


def test_another_name_month_year_or_number_of_the_article() -> None:
    for term, others in (
        ("William", {"Hastings", "Normandy"}),
        ("1066", {"1087"}),
    ):
        question = made_of(f"What came with {term}?")["swapped"].question
        assert question in {f"What came with {other}?" for other in others}
    assert "swapped" not in made_of("What came in June?")  # no other month
    assert "swapped" not in made_of("What came with Harald?")  # of whom the paragraph is silent


def test_the_answer_is_not_put_into_the_question() -> None:
    assert made_of("Who came with William?", "Hastings")["swapped"].question in (
        "Who came with Robert?",
        "Who came with Normandy?",
    )


def test_an_opposite() -> None:
    assert made_of("Who won?")["opposite"].question == "Who lost?"
    assert "opposite" not in made_of("Who came?")
    assert all(re.fullmatch("[a-z]+", word) for word in OPPOSITES)
    assert not [word for word, other in OPPOSITES.items() if word == other]


@pytest.mark.parametrize(
    ("question", "negated"),
    [
        ("When did Robert lose?", "When didn't Robert lose?"),
        ("What can ships carry?", "What can't ships carry?"),
        ("Who will come?", "Who won't come?"),
    ],
)
def test_a_negation(question: str, negated: str) -> None:
    assert made_of(question)["negated"].question == negated
    assert "negated" not in made_of("Who came?")


def test_the_answers_sentence_is_left_out() -> None:
    left = made_of("Who came?", "Robert")["left-out"].context
    assert left == CONTEXT.partition(" Later")[0]
    assert made_of("Who came?", "Robert", "Robert came.") == {}  # nothing would be left
