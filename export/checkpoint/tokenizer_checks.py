"""What must be true of a tokenizer before it is exported; each check raises CheckpointError."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from export.checkpoint.added_tokens import SETTINGS
from export.checkpoint.errors import CheckpointError
from export.checkpoint.tokenizer_settings import GENERIC, NORMALIZATION, Settings
from export.checkpoint.vocabulary import read_vocabulary
from qa.tokenizer import CLS, CONTROL_TOKENS, SEP, UNK, TokenizerError, text_tokenizer

_MODEL = "WordPiece"


def check_pipeline(path: Path, tokenizer: Tokenizer, settings: Settings) -> None:
    """Compare the parts of the ``tokenizer.json`` at ``path`` with the settings.

    transformers' BERT classes overwrite the normalizer of the file with the settings, and with
    their defaults for settings that are left out, so both must agree.
    """
    values = json.loads(tokenizer.to_str())
    model, normalizer = values["model"], values["normalizer"]
    if model["type"] != _MODEL:
        raise CheckpointError(f"{path}: model is {model['type']}; only {_MODEL} is supported")
    if (unknown := model["unk_token"]) != UNK:
        raise CheckpointError(f"{path}: unk_token is {unknown!r}; only {UNK!r} is supported")
    for name in ("padding", "truncation"):
        if (side := (values[name] or {}).get("direction", "Right")) != "Right":
            raise CheckpointError(
                f"{path}: direction of {name} is {side!r}; only 'Right' is supported"
            )
    for part in _parts(values["pre_tokenizer"]):
        if part.get("add_prefix_space"):
            raise CheckpointError(
                f"{path}: add_prefix_space of {part['type']} is True; only False is supported"
            )
    if normalizer is None and not settings.generic:
        raise CheckpointError(
            f"{path}: normalizer is null, which transformers' classes for ELECTRA and BERT cannot "
            f"take; if it is intended, put {SETTINGS} with tokenizer_class {GENERIC} beside it"
        )
    _check_normalizer(path, normalizer, settings)


def _check_normalizer(path: Path, normalizer: Mapping[str, Any] | None, settings: Settings) -> None:
    is_bert = normalizer is not None and normalizer["type"] == "BertNormalizer"
    silent = NORMALIZATION if is_bert and not settings.generic else {}
    found = _normalization(normalizer)
    for key, expected in _effective({**silent, **settings.normalization}).items():
        if found[key] == expected:
            continue
        said = (
            f"says {expected}"
            if key in settings.normalization
            else f"does not say it, which transformers reads as {expected}"
        )
        raise CheckpointError(
            f"{path}: {key} is {found[key]}, but {SETTINGS} {said}; make both say how the model "
            f"was trained"
        )


def _parts(part: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of a normalizer or a pre-tokenizer, which may be a sequence of them."""
    if part is None:
        return
    nested = part.get("normalizers") or part.get("pretokenizers")
    if nested is None:
        yield part
    for each in nested or []:
        yield from _parts(each)


def _normalization(normalizer: Mapping[str, Any] | None) -> dict[str, bool]:
    """Return what a normalizer does, in the words of the settings."""
    parts = list(_parts(normalizer))
    bert = [part for part in parts if part["type"] == "BertNormalizer"]
    kinds = {part["type"] for part in parts}
    lowercase = "Lowercase" in kinds or any(part["lowercase"] for part in bert)
    strips = "StripAccents" in kinds or any(
        part["lowercase"] if part["strip_accents"] is None else part["strip_accents"]
        for part in bert
    )
    return {
        "do_lower_case": lowercase,
        "strip_accents": strips,
        "tokenize_chinese_chars": any(part["handle_chinese_chars"] for part in bert),
    }


def _effective(said: Mapping[str, bool | None]) -> dict[str, bool]:
    """Return the settings, where a ``strip_accents`` that is null follows ``do_lower_case``."""
    known = dict(said)
    if known.get("strip_accents", False) is None:
        known["strip_accents"] = known["do_lower_case"]
    return {key: bool(value) for key, value in known.items()}


def check_same_vocabulary(path: Path, vocabulary: Mapping[str, int], other: Path) -> None:
    """Compare the ids of ``tokenizer.json`` with those of the ``vocab.txt`` beside it."""
    ids = read_vocabulary(other)
    for token in sorted(vocabulary.keys() | ids.keys(), key=lambda each: ids.get(each, len(ids))):
        if token and vocabulary.get(token) != ids.get(token):
            raise CheckpointError(
                f"{path.name} gives the token {token!r} the id {vocabulary.get(token)}, "
                f"{other.name} {ids.get(token)}, in {path.parent}; remove the one that is not the "
                f"model's"
            )


def check_layout(path: Path, tokenizer: Tokenizer) -> None:
    """Check that the file lays out a pair of texts like the windows of ``qa.windows``."""
    cls, sep = tokenizer.token_to_id(CLS), tokenizer.token_to_id(SEP)
    question, context = (
        tokenizer.encode(text, add_special_tokens=False).ids for text in ("a", "b")
    )
    pair = tokenizer.encode("a", "b")
    ids = [cls, *question, sep, *context, sep]
    types = [0] * (len(question) + 2) + [1] * (len(context) + 1)
    if pair.ids != ids or pair.type_ids != types:
        raise CheckpointError(
            f"{path}: post_processor lays a question and a context out as {pair.tokens} of types "
            f"{pair.type_ids}; only [CLS] question [SEP] context [SEP], with type 1 from the "
            f"context on, is supported"
        )


def check_ids(path: Path, tokenizer: Tokenizer, vocab_size: int) -> None:
    """Check that every token has an id of its own, and the embedding a row for it."""
    # no text has the token of a blank line of vocab.txt; the others are never looked up
    unused = ("", "[PAD]", "[MASK]")
    by_id: dict[int, str] = {}
    for token, number in tokenizer.get_vocab().items():
        if token in unused:
            continue
        if number in by_id:
            raise CheckpointError(
                f"{path}: the tokens {by_id[number]!r} and {token!r} both have the id {number}; "
                f"save the tokenizer again with tokenizer.save_pretrained"
            )
        by_id[number] = token
    if (needed := max(by_id) + 1) > vocab_size:
        raise CheckpointError(
            f"{path} has ids up to {needed - 1}, but the embedding only {vocab_size} rows "
            f"(vocab_size); tokenizer and model are not of one checkpoint"
        )


def check_control_tokens(path: Path, text: str) -> None:
    """Check that a control token's name in a user's text is not read as the token."""
    try:
        tokenizer = text_tokenizer(text)
        for token in CONTROL_TOKENS:
            written = tokenizer.encode(f"a {token} {token}", add_special_tokens=False).ids
            if token != UNK and tokenizer.token_to_id(token) in written:
                raise CheckpointError(
                    f"{path}: its pre-tokenizer keeps {token} in a text whole, which would then be "
                    f"read as the control token; only those that split off brackets are supported"
                )
    except TokenizerError as error:
        raise CheckpointError(f"{path} {error}") from error
