"""Held-out articles, and questions without an answer."""

from collections import Counter

from qa.squad import SAMPLE, Example, read_examples
from training.articles import is_held_out, negatives, split

ARTICLES = [
    Example(
        f"{title}-{number}", "who?", f"context {number} of {title}", (f"context {number}",), title
    )
    for title in (f"article {number}" for number in range(400))
    for number in range(3)
]


def test_articles_are_held_out_whole_and_always_the_same() -> None:
    parts = split(ARTICLES)
    assert sorted(map(id, parts.train + parts.held_out)) == sorted(map(id, ARTICLES))
    assert not {each.title for each in parts.train} & {each.title for each in parts.held_out}
    assert 10 <= len({each.title for each in parts.held_out}) <= 30  # 20 of 400, by chance
    assert split(ARTICLES[::-1]).held_out == parts.held_out[::-1]


def test_the_held_out_articles_of_squad_stay_held_out() -> None:
    # the bundled model was trained on all others, which therefore cannot judge it
    assert is_held_out("Airport")
    assert is_held_out("Napoleon")
    assert not is_held_out("ASCII")


def test_a_negative_is_another_paragraph_without_the_answer() -> None:
    examples = read_examples(SAMPLE)
    made = negatives(examples, 0.5, seed=1)
    assert 0 < len(made) <= len(examples) / 2
    originals = {each.id: each for each in examples}
    for each in made:
        original = originals[each.id.removesuffix("-elsewhere")]
        assert (each.question, each.title, each.answers) == (original.question, original.title, ())
        assert each.context != original.context
        assert any(each.context == other.context for other in examples if other.title == each.title)
        assert not any(text.lower() in each.context.lower() for text in original.answers)
    assert made == negatives(examples, 0.5, seed=1) != negatives(examples, 0.5, seed=2)


def test_an_article_that_answers_everywhere_gives_no_negative() -> None:
    contexts = ("The Normans came", "the NORMANS, again")
    examples = [Example(text, "who?", text, ("Normans",), "n") for text in contexts]
    assert negatives(examples, 1.0, seed=1) == []


def test_no_question_is_taken_twice() -> None:
    made = negatives(ARTICLES, 1.0, seed=1)
    assert len(made) == len(ARTICLES)
    assert max(Counter(each.id for each in made).values()) == 1
