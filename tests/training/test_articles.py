"""Held-out articles."""

from qa.squad import Example
from training.articles import is_held_out, split

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
