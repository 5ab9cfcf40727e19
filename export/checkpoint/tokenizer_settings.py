"""A tokenizer's settings, from the JSON files beside it; what is not supported is refused.

The settings are those that transformers 4.57 reads: ``AutoTokenizer``, and ``BertTokenizer``,
``ElectraTokenizer``, ``BertJapaneseTokenizer`` and the fast classes of the first two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.checkpoint.added_tokens import SETTINGS, TOKEN_SETTINGS
from export.checkpoint.config import FILE_NAME as CONFIG
from export.checkpoint.errors import CheckpointError
from export.checkpoint.json_file import read_json
from qa.tokenizer import CONTROL_TOKENS

#: The defaults of BERT's tokenizers.
NORMALIZATION = {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True}

#: The class that does what tokenizer.json says, whatever the settings say.
GENERIC = "PreTrainedTokenizerFast"
_CLASSES = (
    *("ElectraTokenizer", "ElectraTokenizerFast", "BertTokenizer", "BertTokenizerFast"),
    GENERIC,
)

# settings that change tokens or windows, and the one value of each that is supported
_ONLY: Mapping[str, Any] = {
    "do_basic_tokenize": True,
    "do_split_on_punc": True,
    "clean_text": True,
    "wordpieces_prefix": "##",
    "max_input_chars_per_word": 100,
    "split_special_tokens": False,
    "add_prefix_space": False,
    "from_slow": False,
    "init_inputs": [],
    "padding_side": "right",
    "truncation_side": "right",
    # BertJapaneseTokenizer's
    "do_word_tokenize": True,
    "do_subword_tokenize": True,
    "word_tokenizer_type": "basic",
    "subword_tokenizer_type": "wordpiece",
    "spm_file": None,
    "mecab_kwargs": None,
    "sudachi_kwargs": None,
    "jumanpp_kwargs": None,
    "gguf_file": None,
}

# settings that neither ids nor windows depend on
_HARMLESS = {
    *("model_max_length", "max_len", "max_length", "stride", "truncation", "truncation_strategy"),
    *("padding", "pad_to_multiple_of", "pad_token_type_id", "name_or_path", "use_fast", "verbose"),
    *("special_tokens_map_file", "added_tokens_file", "tokenizer_config_file", "chat_template"),
    *("clean_up_tokenization_spaces", "processor_class", "transformers_version", "is_fast"),
    *("backend", "is_local", "local_files_only", "full_tokenizer_file", "errors", "revision"),
}


_KNOWN = {
    *(*NORMALIZATION, *_ONLY, *_HARMLESS, *TOKEN_SETTINGS, "auto_map"),
    *("tokenizer_class", "never_split", "model_input_names"),
    *("vocab_file", "tokenizer_file", "fast_tokenizer_files"),
}


@dataclass(frozen=True)
class Settings:
    """The settings of a folder, checked."""

    path: Path  # tokenizer_config.json, whether it is there or not
    normalization: Mapping[str, bool]  # those of NORMALIZATION that the file has
    generic: bool  # of the class that does what tokenizer.json says
    unknown: tuple[str, ...]  # settings that neither transformers nor this exporter reads


def read_settings(folder: Path, config: Mapping[str, Any]) -> Settings:
    """Read and check ``tokenizer_config.json``; ``config`` are the values of ``config.json``.

    Raises CheckpointError, naming the setting and its value, for what is not supported.
    """
    path, config_path = folder / SETTINGS, folder / CONFIG
    values = read_json(path) if path.is_file() else {}
    classes = [
        _class(where, found["tokenizer_class"])
        for where, found in ((path, values), (config_path, config))
        if found.get("tokenizer_class") is not None
    ]
    _check_only(path, values)
    _check_auto_map(path, values)
    _check_auto_map(config_path, config)
    _check_files(path, values)
    normalization = _normalization(path, values)
    _check_config(config_path, config, normalization)
    return Settings(
        path=path,
        normalization=normalization,
        generic=classes[:1] == [GENERIC],
        unknown=tuple(
            key for key, value in values.items() if key not in _KNOWN and value is not None
        ),
    )


def _class(path: Path, name: Any) -> str:
    if name not in _CLASSES:
        raise CheckpointError(
            f"{path}: tokenizer_class is {name!r}; only {', '.join(_CLASSES)} are supported"
        )
    return str(name)


def _check_only(path: Path, values: Mapping[str, Any]) -> None:
    for key, supported in _ONLY.items():
        if (found := values.get(key)) not in (None, supported):
            raise CheckpointError(
                f"{path}: {key} is {found!r}; only {supported!r} is supported, or leaving it out"
            )
    never_split = values.get("never_split") or []
    if not isinstance(never_split, list) or set(never_split) - set(CONTROL_TOKENS):
        raise CheckpointError(
            f"{path}: never_split is {never_split!r}; words that are kept whole are not supported, "
            f"so add them to the tokenizer as tokens"
        )
    inputs = values.get("model_input_names")
    if inputs is not None and "token_type_ids" not in inputs:
        raise CheckpointError(
            f"{path}: model_input_names is {inputs!r}; the model is always given token_type_ids"
        )


def _check_auto_map(path: Path, values: Mapping[str, Any]) -> None:
    """Refuse a tokenizer that is the checkpoint's own code."""
    found = values.get("auto_map")
    if isinstance(found, dict):
        found = found.get("AutoTokenizer")
    if found is not None:
        raise CheckpointError(
            f"{path}: auto_map is {found!r}; a checkpoint's own code is never run"
        )


def _check_files(path: Path, values: Mapping[str, Any]) -> None:
    """Refuse files of other folders, and other names for those of this one."""
    for key, expected in (("vocab_file", "vocab.txt"), ("tokenizer_file", "tokenizer.json")):
        named = values.get(key)
        if named is not None and path.with_name(expected) != path.parent / str(named):
            if key == "tokenizer_file" and not path.with_name(expected).is_file():
                continue  # left by the class that was saved; transformers ignores it too
            raise CheckpointError(
                f"{path}: {key} is {named!r}; only {expected} beside it is read: remove the setting"
            )
    versions = values.get("fast_tokenizer_files")
    if versions is not None and versions != ["tokenizer.json"]:
        raise CheckpointError(
            f"{path}: fast_tokenizer_files is {versions!r}; only tokenizer.json is read: leave the "
            f"file of your version there, under that name"
        )


def _normalization(path: Path, values: Mapping[str, Any]) -> dict[str, bool]:
    said = {key: values[key] for key in NORMALIZATION if values.get(key) is not None}
    for key, value in said.items():
        if not isinstance(value, bool):
            raise CheckpointError(f"{path}: {key} is {value!r}; it must be true or false")
    return said


def _check_config(path: Path, config: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """Refuse tokenizer settings in ``config.json`` that differ from those in the tokenizer's file.

    transformers does not read them there.
    """
    for key in NORMALIZATION:
        if (found := config.get(key)) is not None and found != said.get(key):
            other = f"says {said[key]}" if key in said else "does not say it"
            raise CheckpointError(
                f"{path}: {key} is {found!r}, but {SETTINGS}, where tokenizers read it, {other}; "
                f"make both say the same"
            )
