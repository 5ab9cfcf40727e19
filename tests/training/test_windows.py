"""Windows to train on: those of serving, labelled with every whole occurrence of the answers."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from qa.squad import Example, SquadError, read_examples
from qa.windows import Windows, make_windows
from training.windows import answer_spans, labels, training_windows

WORDS = st.sampled_from(["in", "India", "1960", "1960s", "playful", "play", "$", "École", "a-b"])
TEXTS = st.lists(WORDS, min_size=1, max_size=40).map(" ".join)


def _windows(tokenizer: Tokenizer, context: str, length: int = 384) -> Windows:
    return make_windows(tokenizer, "who?", context, sequence_length=length)


def _slow_spans(windows: Windows, context: str, answer: str) -> list[tuple[int, int]]:
    """Every pair of tokens that is whole words and whose characters are the answer's."""
    tokens = range(len(windows.offsets))
    words = windows.words.tolist()
    return [
        (first, last)
        for first in tokens
        for last in tokens
        if first <= last
        and (first == 0 or words[first - 1] != words[first])
        and (last == tokens[-1] or words[last + 1] != words[last])
        and context[windows.offsets[first, 0] : windows.offsets[last, 1]] == answer
    ]


@given(st.data())
def test_spans_are_all_that_read_as_the_answer(tokenizer: Tokenizer, data: st.DataObject) -> None:
    context = data.draw(TEXTS)
    words = context.split()
    first = data.draw(st.integers(0, len(words) - 1))
    answer = " ".join(words[first : first + data.draw(st.integers(1, 3))])
    windows = _windows(tokenizer, context)
    expected = _slow_spans(windows, context, answer)
    assert expected  # the answer was made of whole words
    assert answer_spans(windows, context, [answer]) == expected


@given(TEXTS, st.integers(12, 40), st.data())
def test_labels_are_where_the_window_holds_the_whole_span(
    tokenizer: Tokenizer, context: str, length: int, data: st.DataObject
) -> None:
    windows = _windows(tokenizer, context, length)
    tokens = len(windows.offsets)
    pairs = st.tuples(st.integers(0, tokens - 1), st.integers(0, tokens - 1))
    spans = sorted({(min(pair), max(pair)) for pair in data.draw(st.lists(pairs, max_size=4))})
    found = list(labels(windows, spans))
    assert len(found) == len(windows)
    for window, (starts, ends) in enumerate(found):
        # the context token at each position of the window
        place = {
            windows.context_position + at: int(windows.firsts[window]) + at
            for at in range(int(windows.lengths[window]))
        }
        held = [(a, b) for a, b in spans if a in place.values() and b in place.values()]
        if held:
            assert {place[each] for each in starts} == {a for a, _ in held}
            assert {place[each] for each in ends} == {b for _, b in held}
        else:
            assert starts == ends == (0,)


@pytest.mark.parametrize(
    ("context", "answer", "texts"),
    [
        ("born in India, in 1960", "in", ["in", "in"]),  # not the letters within India
        ("it was the 1960s", "1960", ["1960s"]),  # no whole word: the words around
        ("it was the 1960s, or 1960", "1960", ["1960"]),
        ("for $10, or 10", "10", ["10", "10"]),
        ("  a walk ", " walk ", ["walk"]),
        ("a\nlong \u3000walk", "long walk", ["long \u3000walk"]),  # all white space is equal
        ("so so so", "so so", ["so so", "so so"]),
        ("\U0001f600 it cost $1 (US)", "$1 (US)", ["$1 (US)"]),  # offsets count characters
        ("a walk", "Walk", []),
        ("a walk", " ", []),
    ],
)
def test_an_occurrence_is_whole_words_where_one_is(
    tokenizer: Tokenizer, context: str, answer: str, texts: list[str]
) -> None:
    windows = _windows(tokenizer, context)
    spans = answer_spans(windows, context, [answer])
    assert [context[windows.offsets[a, 0] : windows.offsets[b, 1]] for a, b in spans] == texts


def test_a_training_window_is_the_served_one(tokenizer: Tokenizer) -> None:
    context = " ".join(f"word{number} of a long text" for number in range(60))
    example = Example("1", "which word?", context, ("word41",))
    served = make_windows(tokenizer, example.question, context, sequence_length=96)
    trained, left_out = training_windows(tokenizer, [example], 96)
    assert left_out == []
    assert len(trained) == len(served) > 2
    for window, ids, mask in zip(trained, served.input_ids, served.attention_mask, strict=True):
        assert window.input_ids.tolist() == ids[mask == 1].tolist()
        text = tokenizer.decode(ids[window.starts[0] : window.ends[0] + 1].tolist())
        assert text == ("word41" if window.starts != (0,) else "")


def test_a_question_whose_answers_are_not_in_its_context_is_left_out(tokenizer: Tokenizer) -> None:
    context = "William crossed the sea in 1066."
    kept = [
        Example("1", "who?", context, ("William",)),
        Example("2", "who?", context, ("Harold", "William")),  # one of them is
        Example("3", "who?", context, ()),  # without an answer, none is missing
    ]
    missing = [
        Example("4", "who?", context, ("Harold",)),
        Example("5", "who?", context, ("WILLIAM",)),
        Example("6", "who?", context, ("\ud83d",)),  # half of a character
    ]
    windows, left_out = training_windows(tokenizer, [*missing[:1], *kept, *missing[1:]], 64)
    assert left_out == missing
    assert len(windows) == len(kept)
    assert [each.starts == (0,) for each in windows] == [False, False, True]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"id": "q7", "question": "what?", "answers": [{}]}, "an answer has no 'text'"),
        ({"id": "q7", "question": " ", "answers": []}, "no text"),
        ({"id": "q7", "question": "what? " * 9, "answers": []}, "leaves no room for context"),
    ],
)
def test_what_is_malformed_is_named(
    tokenizer: Tokenizer, tmp_path: Path, question: dict[str, object], message: str
) -> None:
    path = tmp_path / "train.json"
    paragraph = {"context": "some context", "qas": [question]}
    path.write_text(json.dumps({"data": [{"title": "Normans", "paragraphs": [paragraph]}]}))
    with pytest.raises(SquadError, match=message) as caught:
        training_windows(tokenizer, read_examples(path), 20)
    assert "'q7' of 'Normans'" in str(caught.value)
