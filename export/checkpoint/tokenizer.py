"""The tokenizer of a Hugging Face folder, as the text of a ``tokenizer.json``.

Its token ids are those of ``AutoTokenizer`` of transformers 4.57, which takes the fast class, as
its question answering pipeline and its fine-tuning script do. Settings by which the slow class
would differ (``do_basic_tokenize``, ``never_split``) are refused.
"""

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing

from export.checkpoint.added_tokens import (
    ADDED_TOKENS,
    SETTINGS,
    SPECIAL_TOKENS_MAP,
    add_tokens,
    read_added_tokens,
    tokenizer_claims,
)
from export.checkpoint.errors import CheckpointError
from export.checkpoint.token_claims import Claim, check_claims
from export.checkpoint.tokenizer_checks import (
    check_control_tokens,
    check_ids,
    check_layout,
    check_pipeline,
    check_same_vocabulary,
)
from export.checkpoint.tokenizer_settings import GENERIC, NORMALIZATION, Settings, read_settings
from export.checkpoint.vocabulary import FILE_NAME as VOCABULARY
from export.checkpoint.vocabulary import is_cased, read_text, read_vocabulary
from qa.tokenizer import CLS, SEP, UNK

FILE_NAME = "tokenizer.json"
FILES = (FILE_NAME, VOCABULARY, SETTINGS, SPECIAL_TOKENS_MAP, ADDED_TOKENS)
# a tokenizer, what its file says about added tokens, and notices
Built: TypeAlias = tuple[Tokenizer, tuple[Claim, ...], list[str]]

REQUIRED_TOKENS = (CLS, SEP, UNK)  # qa.windows needs them


@dataclass(frozen=True)
class FoundTokenizer:
    """A tokenizer that was read."""

    text: str  # of a tokenizer.json
    notices: tuple[str, ...]  # sentences for the user


def tokenizer_files(folder: Path) -> list[Path]:
    """Return the files that define the tokenizer.

    Raises CheckpointError when the folder has neither ``tokenizer.json`` nor ``vocab.txt``.
    """
    found = [path for name in FILES if (path := folder / name).is_file()]
    if not any(path.name in (FILE_NAME, VOCABULARY) for path in found):
        raise CheckpointError(
            f"{folder} has neither {FILE_NAME} nor {VOCABULARY}; save the tokenizer there with "
            f"tokenizer.save_pretrained({str(folder)!r})"
        )
    return found


def read_tokenizer(folder: Path, vocab_size: int, config: Mapping[str, Any]) -> FoundTokenizer:
    """Return the tokenizer of ``folder``, built from ``vocab.txt`` where there is no other file.

    ``config`` are the values of ``config.json``, some of which are the tokenizer's. Everything
    that the files say is obeyed or refused. Raises CheckpointError, naming the setting and its
    value, for what is not supported, for files that contradict each other, and for ids that an
    embedding of ``vocab_size`` rows does not have.
    """
    path = tokenizer_files(folder)[0]
    settings = read_settings(folder, config)
    tokens = read_added_tokens(folder, with_control=not settings.generic)
    tokenizer, claims, notices = (
        _from_file(path, settings) if path.name == FILE_NAME else _from_vocabulary(path, settings)
    )
    add_tokens(tokenizer, tokens)
    check_layout(path, tokenizer)
    text = str(tokenizer.to_str())
    served = Tokenizer.from_str(text)
    check_claims(served, (*claims, *tokens.claims))
    check_ids(path, served, vocab_size)
    check_control_tokens(path, text)
    if settings.unknown:
        notices.append(
            f"{SETTINGS}: neither transformers' tokenizers for ELECTRA nor this exporter know "
            f"{', '.join(settings.unknown)}"
        )
    return FoundTokenizer(text, tuple(notices))


def _from_file(path: Path, settings: Settings) -> Built:
    text = read_text(path)
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # tokenizers raises nothing narrower
        raise CheckpointError(f"{path} is not a tokenizer: {error}") from error
    check_pipeline(path, tokenizer, settings)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    _check_required(path, tokenizer.get_vocab())
    if (other := path.with_name(VOCABULARY)).is_file():
        check_same_vocabulary(path, vocabulary, other)
    return tokenizer, tokenizer_claims(path, json.loads(text).get("added_tokens")), []


def _check_required(path: Path, vocabulary: Container[str]) -> None:
    for token in REQUIRED_TOKENS:
        if token not in vocabulary:
            raise CheckpointError(
                f"{path} has no token {token}; ELECTRA's WordPiece vocabularies have it"
            )


def _from_vocabulary(path: Path, settings: Settings) -> Built:
    """Build BERT's WordPiece tokenizer (transformers' ``BertConverter``), and say what is assumed.

    If no setting says whether text is lower-cased, the vocabulary decides: its capitals would never
    occur in lower-cased text.
    """
    if settings.generic:
        raise CheckpointError(
            f"{settings.path}: tokenizer_class is {GENERIC!r}, which has a {FILE_NAME}; there is "
            f"none beside it"
        )
    vocabulary = read_vocabulary(path)
    _check_required(path, vocabulary)
    lowercase, notices = _casing(path, vocabulary, settings)
    known = {**NORMALIZATION, **settings.normalization}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=UNK))
    tokenizer.normalizer = BertNormalizer(
        clean_text=True,
        handle_chinese_chars=bool(known["tokenize_chinese_chars"]),
        strip_accents=known["strip_accents"],
        lowercase=lowercase,
    )
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = BertProcessing((SEP, vocabulary[SEP]), (CLS, vocabulary[CLS]))
    return tokenizer, (), notices


def _casing(
    path: Path, vocabulary: Mapping[str, int], settings: Settings
) -> tuple[bool, list[str]]:
    said, cased = settings.normalization.get("do_lower_case"), is_cased(vocabulary)
    if said is None:
        capitals, taken = ("capitals", "not to be") if cased else ("no capitals", "to be")
        return not cased, [
            f"nothing says whether text is lower-cased: {path.name} has {capitals}, so it is taken "
            f"{taken}; to say it, put {SETTINGS} with do_lower_case beside it"
        ]
    if said and cased:
        raise CheckpointError(
            f"{settings.path}: do_lower_case is True, but {path.name} has words with capitals, "
            f"which lower-cased text never has; if the model was trained that way, save its fast "
            f"tokenizer, whose {FILE_NAME} confirms it, else set it to false"
        )
    if not said and not cased:
        return said, [
            f"{settings.path.name} says that text is not lower-cased, but {path.name} has no "
            f"capitals: words with capitals are unknown to the model"
        ]
    return said, []
