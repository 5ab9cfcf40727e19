"""The tokenizer of a served model, for which a user's text holds no control tokens."""

import json
from pathlib import Path

from tokenizers import Tokenizer

CLS, SEP, UNK = "[CLS]", "[SEP]", "[UNK]"
CONTROL_TOKENS = ("[PAD]", UNK, CLS, SEP, "[MASK]")


class TokenizerError(ValueError):
    """A tokenizer with which no windows can be made; the message says why."""


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a ``tokenizer.json`` as ``text_tokenizer`` does; raises TokenizerError as it does."""
    try:
        return text_tokenizer(path.read_text(encoding="utf-8"))
    except TokenizerError as error:
        raise TokenizerError(f"{path} {error}") from error


def text_tokenizer(tokenizer_json: str) -> Tokenizer:
    """Return the tokenizer that ``tokenizer_json`` describes, set up for the text of users.

    It neither truncates nor pads: ``qa.windows`` does. A control token in a text, such as a literal
    ``[SEP]``, is read as five characters. Every other added token stays one token. Raises
    TokenizerError when the text describes no tokenizer, or one without [CLS] or [SEP].
    """
    try:
        values = json.loads(tokenizer_json)
        # encode_special_tokens, set below, is for all special tokens: only control tokens may be
        values["added_tokens"] = [
            token | {"special": token["content"] in CONTROL_TOKENS}
            for token in values.get("added_tokens") or []
        ]
        tokenizer = Tokenizer.from_str(json.dumps(values))
    except Exception as error:  # tokenizers raises nothing narrower
        raise TokenizerError(f"is not a tokenizer: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    for token in (CLS, SEP):
        if tokenizer.token_to_id(token) is None:
            raise TokenizerError(f"has no {token} token; a WordPiece tokenizer is needed")
    return tokenizer
