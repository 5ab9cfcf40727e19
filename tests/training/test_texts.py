"""Texts to pre-train on."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from qa.squad import SAMPLE
from training.articles import is_held_out
from training.errors import TrainingError
from training.pretraining.texts import read_texts


def test_paragraphs_of_a_text_file_are_windows_without_a_question(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    long = " ".join(f"word{number}" for number in range(40))
    path.write_text(f"One paragraph of eight words\nin two lines.\n\n  \n{long}\n\nshort\n")
    texts = read_texts([path], tokenizer, max_seq_len=32)
    decoded = [tokenizer.decode(each.input_ids.tolist()) for each in texts.train]
    assert decoded[0] == "one paragraph of eight words in two lines."
    assert "".join(decoded[1:]).replace(" ", "") == long.replace(" ", "")
    assert {len(each) for each in texts.train[1:-1]} == {32}
    assert not any("short" in each for each in decoded)
    assert all(each.context_position == 1 for each in texts.train)
    opening, closing = tokenizer.encode("").ids
    assert all(each.input_ids[[0, -1]].tolist() == [opening, closing] for each in texts.train)
    assert texts.held_out == []


def test_held_out_articles_of_squad_are_not_trained_on(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    numbers = range(1000)
    title = next(f"title {number}" for number in numbers if is_held_out(f"title {number}"))
    text = SAMPLE.read_text()
    path = tmp_path / "squad.json"
    path.write_text(text.replace('"title": "', f'"title": "{title}", "was": "'))
    held_out = read_texts([path], tokenizer, max_seq_len=384)
    trained = read_texts([SAMPLE], tokenizer, max_seq_len=384)
    assert held_out.train == []
    assert len(held_out.held_out) == len(trained.train) + len(trained.held_out) >= 200


def test_an_answer_that_is_not_in_its_context_takes_no_text_away(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "squad.json"
    path.write_text(SAMPLE.read_text().replace('"text": "', '"text": "qx'))
    (changed, same) = (read_texts([each], tokenizer, 384) for each in (path, SAMPLE))
    assert len(changed.train) == len(same.train)
    assert all(each.starts == (0,) for each in changed.train)


def test_what_is_no_text_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    for name, message in (
        ("latin.txt", "cannot read .*latin.txt"),
        ("missing.txt", "cannot read .*missing.txt"),
        ("words.pdf", "neither SQuAD .* nor text"),
    ):
        with pytest.raises(TrainingError, match=message):
            read_texts([tmp_path / name], tokenizer, max_seq_len=384)
