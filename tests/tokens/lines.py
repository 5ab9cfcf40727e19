"""200 lines of mixed text, on which tokenizers are compared."""

import re
from pathlib import Path

from qa.tokenizer import CONTROL_TOKENS

#: Tokens that the folders of ``tests.tokens.folders`` add, in any spelling.
ADDED = ("<row>", "<Cell>", "newword", "[unused5]", "übertoken", "<bos>", "<eos>")

_CONTROLS = (
    *range(1, 32),
    *(0x7F, 0x80, 0x85, 0x8D, 0x9F, 0xA0, 0xAD, 0x300, 0x61C, 0x180E, 0x2007, 0x200B, 0x200E),
    *(0x2028, 0x2029, 0x2062, 0x2800, 0x3164, 0xFFF9, 0xFFFC, 0x110BD, 0x1D173, 0xE0020),
)

_AROUND = ("{}", "the {} cell", "the{}cell", "the {}{} end", "  {}  x", "{}, ({}).", "a-{}-b {}é")

_SPELLINGS = (str, str, str.title, str.upper)


def all_lines() -> list[str]:
    """Return the lines; those that hold a control token hold no other added token."""
    written = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
    escape = re.compile(r"\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")
    texts = [
        escape.sub(lambda found: chr(int(found[1] or found[2], 16)), line)
        for line in written.removesuffix("\n").split("\n")
    ]
    texts += [f"one{chr(number)}two {chr(number)} three" for number in _CONTROLS]
    texts += ["x" * 99, "x" * 100, "x" * 101, "中" * 120, "9" * 130, "a1" * 60]
    texts += [f"{token} in [{token[1:-1]}] {token}{token}." for token in CONTROL_TOKENS]
    for number in range(200 - len(texts)):
        turn = number // len(ADDED)
        token = _SPELLINGS[turn % len(_SPELLINGS)](ADDED[number % len(ADDED)])
        texts.append(_AROUND[(number + turn) % len(_AROUND)].replace("{}", token))
    return texts


def has_control_token(line: str) -> bool:
    """Whether ``line`` holds the text of a control token."""
    return any(token in line for token in CONTROL_TOKENS)
