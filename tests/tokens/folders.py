"""Folders with tokenizers that differ in one setting each, and the expected result of each."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

BUNDLED = Path(__file__).parents[2] / "checkpoints" / "electra-mini-squad"
SIZE = 6000  # tokens of the made vocabularies, the first of the bundled one
VOCAB_SIZE = 10_000  # rows of an embedding that no folder exceeds

Files = dict[str, Any]  # by name: bytes, or the values of a JSON file


@dataclass(frozen=True)
class Case:
    """One folder."""

    name: str
    files: Callable[[], Files]
    # words of the refusal; without any, the token ids must equal transformers'
    refused: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)  # for AutoTokenizer.from_pretrained


def make_folder(case: Case, folder: Path) -> Path:
    """Write the files of ``case`` into ``folder``."""
    folder.mkdir(parents=True)
    files = case.files()
    config = {"model_type": "electra", "vocab_size": VOCAB_SIZE}
    files["config.json"] = config | files.get("config.json", {})
    for name, content in files.items():
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / name).write_bytes(data)
    return folder


@cache
def uncased() -> tuple[str, ...]:
    tokens = (BUNDLED / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return tuple(tokens[:SIZE])


@cache
def cased() -> tuple[str, ...]:
    """A vocabulary with capitals: the uncased one, and its shorter words with capitals."""
    words = [token for token in uncased() if token.isalpha() and len(token) < 7]
    capitals = dict.fromkeys(
        [*(w.title() for w in words), *(w.upper() for w in words if len(w) < 4)]
    )
    return (*uncased(), *(each for each in capitals if each not in set(uncased())))


def text(tokens: tuple[str, ...], end: str = "\n", last: str = "\n") -> bytes:
    return (end.join(tokens) + last).encode()


def replaced(**tokens: str) -> tuple[str, ...]:
    """The uncased vocabulary with ``tokens`` in place of ``[unusedN]``, given as ``_N``."""
    names = {f"[unused{number.removeprefix('_')}]": token for number, token in tokens.items()}
    return tuple(names.get(token, token) for token in uncased())


def vocabulary(tokens: tuple[str, ...] | None = None, **others: Any) -> Callable[[], Files]:
    """``vocab.txt``, and other JSON files by their names without the ending."""
    return lambda: {
        "vocab.txt": text(tokens or uncased()),
        **{f"{name}.json": values for name, values in others.items()},
    }


def settings(**values: Any) -> Callable[[], Files]:
    return vocabulary(tokenizer_config={"do_lower_case": True} | values)


def added(content: str, *, special: bool = False, **flags: bool) -> dict[str, Any]:
    defaults = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": not special}
    return {"content": content, "special": special} | defaults | flags


def tokenizer(
    change: Callable[[dict[str, Any]], Any] = lambda _: None,
    tokens: Callable[[], tuple[str, ...]] | None = None,
    **others: Any,
) -> Callable[[], Files]:
    """``tokenizer.json``, the bundled one after a ``change``, and JSON files."""

    def files() -> Files:
        values = json.loads((BUNDLED / "tokenizer.json").read_bytes())
        vocabulary = (tokens or uncased)()
        values["model"]["vocab"] = {token: number for number, token in enumerate(vocabulary)}
        change(values)
        return {
            "tokenizer.json": values,
            **{f"{name}.json": each for name, each in others.items()},
        }

    return files


def put(part: str, **changes: Any) -> Callable[[dict[str, Any]], Any]:
    """A change of some fields of one part of ``tokenizer.json``."""
    return lambda values: values[part].update(changes)


def swap(part: str, content: Any) -> Callable[[dict[str, Any]], Any]:
    """A change of one part of ``tokenizer.json`` as a whole."""
    return lambda values: values.update({part: content})


def append(*tokens: dict[str, Any], first: int = 6000) -> Callable[[dict[str, Any]], Any]:
    return lambda values: values["added_tokens"].extend(
        {"id": first + number} | token for number, token in enumerate(tokens)
    )


CASED = {"do_lower_case": False}
UNSAID = "which transformers reads as"
DECODER = "added_tokens_decoder"

EQUAL = (
    Case("vocabulary alone", vocabulary()),
    Case("cased vocabulary alone", lambda: vocabulary(cased())(), options=CASED),
    Case("lower-cased", settings()),
    Case("cased", lambda: vocabulary(cased(), tokenizer_config=CASED)()),
    Case("not lower-cased, without capitals", vocabulary(tokenizer_config=CASED)),
    Case("accents kept", settings(strip_accents=False)),
    Case(
        "accents stripped of cased text",
        lambda: vocabulary(cased(), tokenizer_config=CASED | {"strip_accents": True})(),
    ),
    Case("Chinese characters not apart", settings(tokenize_chinese_chars=False)),
    Case("BERT's class", settings(tokenizer_class="BertTokenizer")),
    Case("a setting unknown", settings(color="blue", model_max_length=128)),
    Case("Japanese settings as BERT's", settings(word_tokenizer_type="basic", never_split=None)),
    Case("a path left by the slow class", settings(tokenizer_file="/root/tokenizer.json")),
    Case(
        "separators as tokens",
        lambda: vocabulary(
            replaced(
                **{"_1": "\u2028", "_2": "\u2029", "_3": "\x85", "_4": "\v", "_5": "a\fb"},
                **{"_6": "\x1c", "_7": "\x1d", "_8": "\x1e", "_9": "\u3000", "_10": " "},
            )
        )(),
    ),
    Case("CRLF", lambda: {"vocab.txt": text(uncased(), end="\r\n", last="\r\n")}),
    Case("no last line feed", lambda: {"vocab.txt": text(uncased(), last="")}),
    Case(
        "blank lines at the end, and an added token",
        lambda: {
            "vocab.txt": text(uncased(), last="\n\n"),
            "added_tokens.json": {"<row>": 6001},
        },
    ),
    Case("a blank line between", lambda: vocabulary(replaced(_50=""))()),
    Case("equal lines", lambda: vocabulary(replaced(_60="the", _61="##s"))()),
    Case("no [MASK]", lambda: vocabulary(tuple(t for t in uncased() if t != "[MASK]"))()),
    Case("added_tokens.json", vocabulary(added_tokens={"<row>": 6000, "newword": 6001})),
    Case(
        "added_tokens.json, one special",
        vocabulary(
            added_tokens={"<row>": 6000, "<Cell>": 6001},
            special_tokens_map={"additional_special_tokens": ["<Cell>"]},
        ),
    ),
    Case(
        "special_tokens_map.json",
        vocabulary(special_tokens_map={"additional_special_tokens": ["<row>", "<Cell>"]}),
    ),
    Case(
        "special_tokens_map.json with flags",
        vocabulary(
            special_tokens_map={
                "additional_special_tokens": [added("<row>", lstrip=True, rstrip=True)],
                "mask_token": added("[MASK]", lstrip=True),
            }
        ),
    ),
    Case("additional special tokens", settings(additional_special_tokens=["<row>", "übertoken"])),
    Case("extra special tokens", settings(extra_special_tokens={"row_token": "<row>"})),
    Case("beginning and end", settings(bos_token="<bos>", eos_token="<eos>")),
    Case(
        "added and normalized",
        settings(**{DECODER: {"6000": added("<Cell>"), "6001": added("übertoken")}}),
    ),
    Case(
        "added as it stands",
        settings(
            **{
                DECODER: {
                    "6000": added("<Cell>", normalized=False),
                    "6001": added("übertoken", normalized=False),
                }
            }
        ),
    ),
    Case("a word by itself", settings(**{DECODER: {"6000": added("newword", single_word=True)}})),
    Case("stripped to the left", settings(**{DECODER: {"6000": added("<row>", lstrip=True)}})),
    Case("stripped to the right", settings(**{DECODER: {"6000": added("<row>", rstrip=True)}})),
    Case(
        "added, of the vocabulary", settings(**{DECODER: {"6": added("[unused5]", special=True)}})
    ),
    Case("a file", tokenizer()),
    Case("a file and its settings", tokenizer(tokenizer_config={"do_lower_case": True})),
    Case(
        "a file of the fast class",
        tokenizer(tokenizer_config={"tokenizer_class": "ElectraTokenizerFast"}),
    ),
    Case("a file and the same vocabulary", lambda: tokenizer()() | vocabulary()()),
    Case(
        "a cased file", tokenizer(put("normalizer", lowercase=False), cased, tokenizer_config=CASED)
    ),
    Case(
        "a cased file, accents stripped",
        tokenizer(
            put("normalizer", lowercase=False, strip_accents=True),
            cased,
            tokenizer_config=CASED | {"strip_accents": True},
        ),
    ),
    Case(
        "a cased file of the generic class",
        tokenizer(
            put("normalizer", lowercase=False),
            cased,
            tokenizer_config={"tokenizer_class": "PreTrainedTokenizerFast"},
        ),
    ),
    Case("a special token in the file", tokenizer(append(added("<row>", special=True)))),
    Case("a token in the file", tokenizer(append(added("<Cell>"), added("newword", lstrip=True)))),
    Case(
        "a file and an older list",
        tokenizer(append(added("<row>")), added_tokens={"<row>": 6000, "<Cell>": 6001}),
    ),
    Case(
        "a file and a newer list",
        tokenizer(
            append(added("<row>", special=True)),
            tokenizer_config={
                "do_lower_case": True,
                DECODER: {"6000": added("<row>", special=True), "6001": added("newword")},
                "additional_special_tokens": ["<row>"],
            },
        ),
    ),
    Case(
        "two normalizers",
        tokenizer(
            lambda values: values.update(
                normalizer={
                    "type": "Sequence",
                    "normalizers": [{"type": "NFKC"}, values["normalizer"]],
                }
            ),
            tokenizer_config={"do_lower_case": True},
        ),
    ),
    Case(
        "two pre-tokenizers",
        tokenizer(
            swap(
                "pre_tokenizer",
                {
                    "type": "Sequence",
                    "pretokenizers": [
                        {"type": "BertPreTokenizer"},
                        {"type": "Digits", "individual_digits": True},
                    ],
                },
            )
        ),
    ),
    Case("words between spaces", tokenizer(swap("pre_tokenizer", {"type": "WhitespaceSplit"}))),
    Case("words of at most 5", tokenizer(put("model", max_input_chars_per_word=5))),
    Case("subwords without a prefix", tokenizer(put("model", continuing_subword_prefix=""))),
    Case("control characters kept", tokenizer(put("normalizer", clean_text=False))),
    Case(
        "truncation and padding",
        tokenizer(
            lambda values: values.update(
                truncation={
                    **{"direction": "Right", "max_length": 4},
                    **{"strategy": "LongestFirst", "stride": 0},
                },
                padding={
                    **{"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None},
                    **{"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
                },
            )
        ),
    ),
    Case(
        "BERT's post-processor",
        tokenizer(
            swap(
                "post_processor",
                {"type": "BertProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101]},
            )
        ),
    ),
)

REFUSED = (
    Case(
        "a Japanese class",
        settings(tokenizer_class="BertJapaneseTokenizer"),
        ("tokenizer_class", "'BertJapaneseTokenizer'"),
    ),
    Case(
        "a class in config.json",
        vocabulary(config={"tokenizer_class": "KoBertTokenizer"}),
        ("config.json: tokenizer_class", "'KoBertTokenizer'"),
    ),
    Case(
        "a class of another layout",
        settings(tokenizer_class="DistilBertTokenizer"),
        ("tokenizer_class", "'DistilBertTokenizer'"),
    ),
    Case(
        "the generic class without its file",
        settings(tokenizer_class="PreTrainedTokenizerFast"),
        ("tokenizer_class", "'PreTrainedTokenizerFast'", "tokenizer.json"),
    ),
    Case(
        "code of its own", settings(auto_map={"AutoTokenizer": ["a.B", None]}), ("auto_map", "a.B")
    ),
    Case("no basic tokenizer", settings(do_basic_tokenize=False), ("do_basic_tokenize is False",)),
    Case("words kept whole", settings(never_split=["lol"]), ("never_split is ['lol']",)),
    Case("MeCab", settings(word_tokenizer_type="mecab"), ("word_tokenizer_type is 'mecab'",)),
    Case("characters", settings(subword_tokenizer_type="character"), ("'character'",)),
    Case("text not cleaned", settings(clean_text=False), ("clean_text is False",)),
    Case("another prefix", settings(wordpieces_prefix="@@"), ("wordpieces_prefix is '@@'",)),
    Case("special tokens as text", settings(split_special_tokens=True), ("split_special_tokens",)),
    Case("context first", settings(padding_side="left"), ("padding_side is 'left'",)),
    Case("cut at the left", settings(truncation_side="left"), ("truncation_side is 'left'",)),
    Case(
        "no types",
        settings(model_input_names=["input_ids", "attention_mask"]),
        ("model_input_names", "token_type_ids"),
    ),
    Case("another unknown token", settings(unk_token="<unk>"), ("unk_token is '<unk>'",)),
    Case(
        "another separator",
        vocabulary(special_tokens_map={"sep_token": added("</s>")}),
        ("special_tokens_map.json: sep_token is '</s>'",),
    ),
    Case("no separator", settings(sep_token=None), ("sep_token is null",)),
    Case(
        "another vocabulary", settings(vocab_file="/data/vocab.txt"), ("vocab_file", "/data/vocab")
    ),
    Case(
        "another file",
        tokenizer(tokenizer_config={"tokenizer_file": "/data/tokenizer.json"}),
        ("tokenizer_file is '/data/tokenizer.json'",),
    ),
    Case(
        "a file for each version",
        tokenizer(
            tokenizer_config={"fast_tokenizer_files": ["tokenizer.json", "tokenizer.4.0.json"]}
        ),
        ("fast_tokenizer_files", "tokenizer.4.0.json"),
    ),
    Case(
        "a casing that is no truth value",
        settings(do_lower_case="yes"),
        ("do_lower_case is 'yes'",),
    ),
    Case(
        "a cased vocabulary, lower-cased",
        lambda: vocabulary(cased(), tokenizer_config={"do_lower_case": True})(),
        ("do_lower_case is True", "vocab.txt has words with capitals"),
    ),
    Case(
        "casing in config.json",
        vocabulary(config={"do_lower_case": False}),
        ("config.json: do_lower_case is False", "does not say it"),
    ),
    Case(
        "a carriage return",
        lambda: {"vocab.txt": text(replaced(_1="\r"), last="\n").replace(b"\r\n", b"\r \n")},
        ("vocab.txt: line 3", "carriage return"),
    ),
    Case(
        "a byte order mark", lambda: {"vocab.txt": b"\xef\xbb\xbf" + text(uncased())}, ("U+FEFF",)
    ),
    Case(
        "an id that is not the next", vocabulary(added_tokens={"<row>": 40000}), ("<row>", "40000")
    ),
    Case(
        "an id that is not the next, in the settings",
        settings(**{DECODER: {"6100": added("<row>")}}),
        ("tokenizer_config.json", "<row>", "6100", "6000"),
    ),
    Case(
        "an id in the file that is not the next",
        tokenizer(append(added("<row>"), first=6100)),
        ("<row>", "6100"),
    ),
    Case(
        "a token that the newer list does not have",
        vocabulary(
            tokenizer_config={"do_lower_case": True, DECODER: {}}, added_tokens={"<row>": 6000}
        ),
        ("added_tokens.json", "<row>"),
    ),
    Case(
        "flags that contradict",
        tokenizer(
            append(added("<row>", lstrip=True)),
            special_tokens_map={"additional_special_tokens": [added("<row>")]},
        ),
        ("lstrip", "<row>"),
    ),
    Case(
        "a cased file, unsaid",
        tokenizer(put("normalizer", lowercase=False), cased),
        ("do_lower_case", UNSAID),
    ),
    Case(
        "a file lower-cased, settings not",
        tokenizer(tokenizer_config=CASED),
        ("tokenizer.json: do_lower_case is True", "says False"),
    ),
    Case(
        "a file with accents, unsaid",
        tokenizer(put("normalizer", strip_accents=False)),
        ("strip_accents is False", UNSAID),
    ),
    Case(
        "a file with Chinese characters not apart, unsaid",
        tokenizer(put("normalizer", handle_chinese_chars=False)),
        ("tokenize_chinese_chars is False", UNSAID),
    ),
    Case(
        "normalizers that contradict",
        tokenizer(
            swap("normalizer", {"type": "Sequence", "normalizers": [{"type": "NFC"}]}),
            tokenizer_config={"do_lower_case": True},
        ),
        ("do_lower_case is False", "says True"),
    ),
    Case("no normalizer", tokenizer(swap("normalizer", None)), ("normalizer is null",)),
    Case(
        "a file and another vocabulary",
        lambda: tokenizer()() | vocabulary(replaced(_7="lol"))(),
        ("vocab.txt", "'lol'"),
    ),
    Case(
        "brackets kept whole",
        tokenizer(
            lambda values: values.update(
                normalizer=values["normalizer"] | {"lowercase": False},
                pre_tokenizer={"type": "WhitespaceSplit"},
            ),
            cased,
            tokenizer_config=CASED,
        ),
        ("pre-tokenizer keeps [PAD]",),
    ),
    Case(
        "a space put before",
        tokenizer(
            swap(
                "pre_tokenizer",
                {
                    **{"type": "ByteLevel", "add_prefix_space": True},
                    **{"trim_offsets": True, "use_regex": True},
                },
            )
        ),
        ("add_prefix_space of ByteLevel is True",),
    ),
    Case("no post-processor", tokenizer(swap("post_processor", None)), ("post_processor",)),
    Case(
        "RoBERTa's post-processor",
        tokenizer(
            swap(
                "post_processor",
                {
                    **{"type": "RobertaProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101]},
                    **{"trim_offsets": True, "add_prefix_space": False},
                },
            )
        ),
        ("post_processor", "[CLS] question [SEP] context [SEP]"),
    ),
    Case(
        "control tokens of other ids",
        tokenizer(
            lambda values: values["post_processor"]["special_tokens"]["[CLS]"].update(ids=[1])
        ),
        ("post_processor",),
    ),
    Case(
        "unknown tokens by another name",
        tokenizer(put("model", unk_token="[PAD]")),
        ("unk_token is '[PAD]'",),
    ),
    Case(
        "another model",
        tokenizer(
            lambda values: values.update(
                model={
                    **{"type": "BPE", "vocab": {"[CLS]": 0}, "merges": [], "unk_token": None},
                },
                added_tokens=[],
                post_processor=None,
            )
        ),
        ("model is BPE",),
    ),
    Case(
        "a file padded at the left",
        tokenizer(
            swap(
                "padding",
                {
                    **{"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": None},
                    **{"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
                },
            )
        ),
        ("direction of padding is 'Left'",),
    ),
)
