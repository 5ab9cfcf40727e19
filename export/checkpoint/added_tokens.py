"""Tokens that the files of a folder add to its vocabulary.

They are added in the way and order of transformers 4.57 (``PreTrainedTokenizerFast.__init__``),
where the order decides the ids; ``export.checkpoint.token_claims`` compares the result with what
the files say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from export.checkpoint.errors import CheckpointError
from export.checkpoint.json_file import read_json
from export.checkpoint.token_claims import Claim
from qa.tokenizer import CLS, SEP, UNK

SETTINGS = "tokenizer_config.json"
SPECIAL_TOKENS_MAP = "special_tokens_map.json"
ADDED_TOKENS = "added_tokens.json"

DECODER, ADDITIONAL = "added_tokens_decoder", "additional_special_tokens"
EXTRA = "extra_special_tokens"

# in the order in which transformers adds them; the names of the control tokens are fixed
_SPECIAL: Mapping[str, str | None] = {
    "bos_token": None,
    "eos_token": None,
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}

_NEEDED = (UNK, SEP, CLS)

#: The keys of tokenizer_config.json that are read here.
TOKEN_SETTINGS = (DECODER, ADDITIONAL, EXTRA, *_SPECIAL)

Token = AddedToken | str


@dataclass(frozen=True)
class AddedTokens:
    """The added tokens of a folder."""

    special: tuple[Token, ...]  # in transformers' order, with the control tokens
    numbered: Mapping[int, AddedToken]  # those with an id in the files
    claims: tuple[Claim, ...]


def read_added_tokens(folder: Path, *, with_control: bool) -> AddedTokens:
    """Read the tokens of ``tokenizer_config.json`` and of the two older files beside it.

    ``with_control`` says whether the tokenizer's class names the control tokens by itself.
    transformers reads the older files only where ``tokenizer_config.json`` has no
    ``added_tokens_decoder``; what they say must be true all the same. Raises CheckpointError for
    malformed files, and for a control token with another name.
    """
    settings, special_map = _object(folder / SETTINGS), _object(folder / SPECIAL_TOKENS_MAP)
    older = _object(folder / ADDED_TOKENS)
    decoder = _decoder_claims(folder / SETTINGS, settings.get(DECODER))
    numbered = _older_claims(folder / ADDED_TOKENS, older)
    claims = [
        *(*decoder, *numbered),
        *_special_claims(folder / SETTINGS, settings),
        *_special_claims(folder / SPECIAL_TOKENS_MAP, special_map),
    ]
    defaults = _SPECIAL if with_control else dict.fromkeys(_SPECIAL)
    if DECODER in settings:
        special = _special_tokens(folder / SETTINGS, settings, {}, defaults)
        by_id = {claim.id: claim.flags for claim in decoder}
    else:
        special = _special_tokens(folder / SETTINGS, settings, special_map, defaults)
        names = {_content(token) for token in special}
        by_id = {claim.id: _plain(claim.content, claim.content in names) for claim in numbered}
    return AddedTokens(
        special=special,
        numbered={number: token for number, token in by_id.items() if number is not None and token},
        claims=tuple(claims),
    )


def add_tokens(tokenizer: Tokenizer, tokens: AddedTokens) -> None:
    """Add those of ``tokens`` that ``tokenizer`` does not have yet, as transformers does."""
    present = tokenizer.get_added_tokens_decoder().values()
    known = {repr(token) for token in present}
    wanted: list[Token] = [
        token for _, token in sorted(tokens.numbered.items()) if repr(token) not in known
    ]
    contents = {_content(token) for token in (*present, *wanted)}
    wanted += [
        each for each in tokens.special if isinstance(each, AddedToken) or each not in contents
    ]
    names = {_content(token) for token in tokens.special}
    for token in wanted:
        is_special = _content(token) in names
        if isinstance(token, str):
            token = _plain(token, is_special)
        token.special = token.special or is_special
        tokenizer.add_tokens([token])


def tokenizer_claims(path: Path, tokens: Any) -> tuple[Claim, ...]:
    """Return what ``added_tokens`` of the ``tokenizer.json`` at ``path`` says.

    The library numbers the tokens anew, and does not tell when a token gets another id.
    """
    return tuple(
        Claim(path, each["content"], each["id"], _token(path, _without(each, "id")))  # type: ignore[arg-type]  # from an object
        for each in tokens or []
    )


def _object(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _decoder_claims(path: Path, tokens: Any) -> list[Claim]:
    if tokens is None:
        return []
    if not isinstance(tokens, dict):
        raise CheckpointError(f"{path}: {DECODER} is {tokens!r}; it must be an object")
    claims = []
    for number, value in tokens.items():
        token = _token(path, value)
        if not number.isdecimal() or isinstance(token, str):
            raise CheckpointError(
                f"{path}: {DECODER} has {number!r}: {value!r}; it must be an id and an object"
            )
        claims.append(Claim(path, token.content, int(number), token))
    return claims


def _older_claims(path: Path, tokens: Mapping[str, Any]) -> list[Claim]:
    for content, number in tokens.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise CheckpointError(
                f"{path}: the id of {content!r} is {number!r}; it must be a number"
            )
    return [Claim(path, content, number) for content, number in tokens.items()]


def _special_claims(path: Path, values: Mapping[str, Any]) -> list[Claim]:
    for key, name in _SPECIAL.items():
        value = values.get(key, name)
        if name and value is not None and (found := _content(_token(path, value))) != name:
            raise CheckpointError(
                f"{path}: {key} is {found!r}; only {name!r} is supported, its name in ELECTRA's "
                f"vocabularies"
            )
        if value is None and name in _NEEDED:
            raise CheckpointError(f"{path}: {key} is null; only {name!r} is supported")
    named = [values[key] for key in ("bos_token", "eos_token") if values.get(key) is not None]
    tokens = [
        _token(path, each)
        for each in named + _list(path, values, ADDITIONAL) + _list(path, values, EXTRA)
    ]
    return [
        Claim(path, _content(each), flags=None if isinstance(each, str) else each)
        for each in tokens
    ]


def _special_tokens(
    path: Path,
    settings: Mapping[str, Any],
    special_map: Mapping[str, Any],
    defaults: Mapping[str, str | None],
) -> tuple[Token, ...]:
    """Return the special tokens, each once; ``special_map`` takes precedence."""
    values = [
        *(special_map.get(key) or settings.get(key, name) for key, name in defaults.items()),
        *_list(path, settings, ADDITIONAL),
        *_list(path, special_map, ADDITIONAL),
        *(_list(path, settings, EXTRA) if isinstance(settings.get(EXTRA), dict) else []),
    ]
    found: dict[str, Token] = {}
    for value in values:
        if value:
            token = _token(path, value)
            found.setdefault(_content(token), token)
    return tuple(found.values())


def _list(path: Path, values: Mapping[str, Any], key: str) -> list[Any]:
    found = values.get(key) or []
    if isinstance(found, dict) and key == EXTRA:  # tokens by name
        found = list(found.values())
    if not isinstance(found, list):
        raise CheckpointError(f"{path}: {key} is {found!r}; it must be a list of tokens")
    return found


def _token(path: Path, value: Any) -> Token:
    """Return a token as the files write it: its text, or an object with its flags."""
    if isinstance(value, str):
        return value
    try:
        return AddedToken(**_without(value, "__type"))
    except (AttributeError, TypeError) as error:
        raise CheckpointError(f"{path} gives {value!r} as an added token: {error}") from error


def _without(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name != key}


def _content(token: Token) -> str:
    return token if isinstance(token, str) else token.content


def _plain(content: str, is_special: bool) -> AddedToken:
    return AddedToken(content, normalized=not is_special, special=is_special)
