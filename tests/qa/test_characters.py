"""Answers never split a character: combining vowels, jamo, voiced marks, joined emoji."""

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from qa.characters import continues_character
from qa.spans import SpanOptions, best_answers
from qa.windows import make_windows

CHARACTERS = [
    "\u0915\u093f",  # ka and the vowel sign i, which is written before it (Mc)
    "\u0ba4\u0bbf",  # Tamil: ta and i
    "\u0e19\u0e49\u0e33",  # Thai: no nu, mai tho (Mn), sara am (Lo)
    "\u1112\u1161\u11ab",  # han in conjoining jamo
    "\u304b\u3099",  # ka and the combining voiced mark
    "\uff76\uff9e",  # the same in half width
    "e\u0301",
    "\U0001f44d\U0001f3fd",  # thumbs up, medium skin tone
    "\u845b\U000e0100",  # a variation sequence
]


def single_code_points(text: str) -> Tokenizer:
    """A tokenizer that makes a token of every code point."""
    points = dict.fromkeys(text)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *points, *(f"##{point}" for point in points)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


@pytest.mark.parametrize("align_to_words", [True, False])
@pytest.mark.parametrize("character", CHARACTERS, ids=ascii)
def test_answers_are_whole_characters(character: str, align_to_words: bool) -> None:
    context = f"a{character}b {character}{character}"
    windows = make_windows(single_code_points(context), "a", context, sequence_length=32)
    borders = {
        place
        for place in range(len(context) + 1)
        if place in (0, len(context)) or not continues_character(context, place)
    }
    random = np.random.default_rng(0)
    options = SpanOptions(top_k=20, align_to_words=align_to_words)
    for _ in range(200):
        start, end = random.normal(size=(2, *windows.input_ids.shape)).astype(np.float32)
        for answer in best_answers(windows, context, start, end, options):
            assert {answer.start, answer.end} <= borders, ascii(answer.answer)
    first = context.index(character)
    assert first + 1 not in borders
    assert first + len(character) in borders


def test_a_mark_that_stands_alone_begins_a_character() -> None:
    assert not continues_character("\u0301", 0)
    assert not continues_character("a \u0301", 2)
    assert continues_character("a\u0301", 1)
    assert not continues_character("a", 1)


def test_unknown_tokens_are_counted(tokenizer: Tokenizer) -> None:
    thai = "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22"
    windows = make_windows(tokenizer, "Who?", f"William {thai} {thai}", sequence_length=32)
    assert windows.tokens == 5
    assert windows.unknown == 2
    assert make_windows(tokenizer, "Who?", "William did.", sequence_length=32).unknown == 0
