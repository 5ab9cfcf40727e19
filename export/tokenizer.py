"""The tokenizer of a Hugging Face folder, as the text of a ``tokenizer.json``."""

from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from export.errors import ExportError
from export.json_file import read_json

FILE_NAME = "tokenizer.json"
VOCABULARY = "vocab.txt"
SETTINGS = "tokenizer_config.json"
REQUIRED_TOKENS = ("[CLS]", "[SEP]", "[UNK]")  # qa.windows makes windows of them


def tokenizer_files(folder: Path) -> list[Path]:
    """Return the files that define the tokenizer: ``tokenizer.json``, or else ``vocab.txt``.

    Raises ExportError when the folder has neither.
    """
    if (path := folder / FILE_NAME).is_file():
        return [path]
    if (path := folder / VOCABULARY).is_file():
        return [path, *(each for each in [folder / SETTINGS] if each.is_file())]
    raise ExportError(
        f"{folder} has neither {FILE_NAME} nor {VOCABULARY}; save the tokenizer there with "
        f"tokenizer.save_pretrained({str(folder)!r})"
    )


def read_tokenizer(folder: Path, vocab_size: int) -> str:
    """Return the text of the ``tokenizer.json`` of ``folder``, built from ``vocab.txt`` if need be.

    Raises ExportError when it is malformed, lacks a token that windows need, or has ids that an
    embedding of ``vocab_size`` rows does not.
    """
    path, *_ = tokenizer_files(folder)
    text = _text(path) if path.name == FILE_NAME else _from_vocabulary(folder)
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # tokenizers raises nothing narrower
        raise ExportError(f"{path} is not a tokenizer: {error}") from error
    vocabulary = tokenizer.get_vocab()
    for token in REQUIRED_TOKENS:
        if token not in vocabulary:
            raise ExportError(f"{path} has no token {token}; ELECTRA's WordPiece vocabulary has")
    if (needed := max(vocabulary.values()) + 1) > vocab_size:
        raise ExportError(
            f"{path} has ids up to {needed - 1}, but the embedding only {vocab_size} rows "
            f"(vocab_size); tokenizer and model are not of one checkpoint"
        )
    return text


def _from_vocabulary(folder: Path) -> str:
    """Build the WordPiece tokenizer of BERT, as transformers' ``ElectraTokenizer`` does."""
    path = folder / SETTINGS
    settings = read_json(path) if path.is_file() else {}
    tokens = _text(folder / VOCABULARY).splitlines()
    try:
        tokenizer = BertWordPieceTokenizer(
            vocab={token: number for number, token in enumerate(tokens)},
            lowercase=settings.get("do_lower_case", True),
            strip_accents=settings.get("strip_accents"),
            handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        )
    except TypeError as error:  # a special token that is missing, or a setting of another type
        raise ExportError(f"{folder / VOCABULARY} makes no tokenizer: {error}") from error
    return str(tokenizer.to_str())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ExportError(f"{path} is not UTF-8 text: {error}") from error
