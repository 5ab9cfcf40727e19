"""Users' text is plain text: control tokens in it mean nothing; other added tokens are kept."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE

from qa.tokenizer import CONTROL_TOKENS, TokenizerError, load_tokenizer, text_tokenizer
from qa.windows import make_windows

BUNDLED = Path(__file__).parents[2] / "checkpoints" / "electra-mini-squad" / "tokenizer.json"


def with_token(**flags: Any) -> Tokenizer:
    values = json.loads(BUNDLED.read_bytes())
    token = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
    values["added_tokens"].append(
        {"id": 30522, "content": "<row>", "special": True} | token | flags
    )
    return text_tokenizer(json.dumps(values))


def test_control_tokens_in_text_are_text(tokenizer: Tokenizer) -> None:
    windows = make_windows(tokenizer, "[MASK]", "[CLS] [SEP] [PAD] [UNK]", sequence_length=64)
    ids = windows.input_ids[0][windows.attention_mask[0] == 1].tolist()
    assert [ids.count(tokenizer.token_to_id(token)) for token in CONTROL_TOKENS] == [0, 0, 1, 2, 0]


@pytest.mark.parametrize("special", [True, False])
def test_added_tokens_beside_control_tokens(special: bool) -> None:
    tokenizer = with_token(special=special)
    windows = make_windows(tokenizer, "[SEP]<row>", "a <row>[SEP] <row>", sequence_length=64)
    ids = windows.input_ids[0].tolist()
    assert ids.count(30522) == 3
    assert ids.count(tokenizer.token_to_id("[SEP]")) == 2
    assert windows.offsets[1].tolist() == [2, 7]
    assert windows.offsets[-1].tolist() == [13, 18]


def test_neither_truncation_nor_padding(tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(BUNDLED))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    ids = load_tokenizer(tmp_path / "tokenizer.json").encode("a " * 10, add_special_tokens=False)
    assert len(ids) == 10


def test_a_tokenizer_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    Tokenizer(BPE()).save(str(path))
    with pytest.raises(TokenizerError, match=r"tokenizer.json has no \[CLS\] token"):
        load_tokenizer(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"added_tokens": [1]}'])
def test_what_is_no_tokenizer_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(text)
    with pytest.raises(TokenizerError, match=r"tokenizer.json is not a tokenizer"):
        load_tokenizer(path)
