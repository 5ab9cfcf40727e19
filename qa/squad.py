"""SQuAD files: questions, their contexts, and the texts of their gold answers."""

import gzip
import json
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

SAMPLE = Path(__file__).parent / "data" / "squad-dev-sample.json"  # 200 of SQuAD 1.1's dev set
GZIP = b"\x1f\x8b"  # the first bytes of such a file, whatever its name
SHOWN_CHARS = 80  # of a wrong value

Kind = TypeVar("Kind")

_KINDS: Mapping[type, str] = {list: "a list", str: "a text", dict: "an object"}
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


class SquadError(ValueError):
    """A file that is not SQuAD; the message says where, what, and what to do."""


@dataclass(frozen=True)
class Example:
    """One question about one context, with the texts of its gold answers."""

    id: str  # two questions of a file may have the same
    question: str
    context: str
    answers: tuple[str, ...]  # none, where there is no answer
    title: str = ""  # of the article


def read_examples(path: Path) -> list[Example]:
    """Read a SQuAD 1.1 or 2.0 JSON file, gzipped or not, in UTF-8, UTF-16 or UTF-32.

    A question has no answer when it has no gold answer, or only blank ones, as annotation tools
    write them. ``answer_start`` is not read: tools count it in characters, UTF-16 units or bytes,
    and neither the metric nor the training needs it. Other keys, such as ``plausible_answers``,
    are not read either. Raises SquadError, which names the file and the place in it.
    """
    articles = _articles(path)
    try:
        examples = list(_examples(articles))
    except SquadError as error:
        raise SquadError(f"{path}: {error}") from error
    if not examples:
        raise SquadError(f"{path} holds no questions")
    return examples


def has_unanswerable(examples: Iterable[Example]) -> bool:
    """Whether some of ``examples`` have no answer, so that the empty answer must be allowed."""
    return not all(example.answers for example in examples)


def _articles(path: Path) -> list[Any]:
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SquadError(f"{path} cannot be read: {reason}; name a SQuAD file") from error
    try:
        if content.startswith(GZIP):
            content = gzip.decompress(content)
        return _field(json.loads(content), "data", list, "the file")
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, SquadError):
            reason = str(error)
        elif isinstance(error, json.JSONDecodeError):
            reason = f"it is not one JSON document: {error}"
        elif isinstance(error, UnicodeDecodeError):
            reason = f"save it as UTF-8: {error}"
        raise SquadError(f"{path} is not a SQuAD file: {reason}") from error


def _examples(articles: list[Any]) -> Iterator[Example]:
    for number, article in enumerate(articles):
        title = _title(article, f"article {number}")
        where = f"article {number} ({title!r})"
        for paragraph in _field(article, "paragraphs", list, where):
            for at, question in enumerate(_field(paragraph, "qas", list, where)):
                identifier = _id(question, f"question {at} of {title!r}")
                where = f"question {identifier!r} of {title!r}"
                yield Example(
                    id=identifier,
                    question=_text(question, "question", where),
                    context=_text(paragraph, "context", where),
                    answers=_answers(question, where),
                    title=title,
                )


def _title(article: Any, where: str) -> str:
    if isinstance(article, Mapping) and article.get("title") is None:
        return ""
    return _field(article, "title", str, where)


def _id(question: Any, where: str) -> str:
    identifier = _field(question, "id", object, where)
    if isinstance(identifier, bool) or not isinstance(identifier, str | int):
        raise SquadError(f"{where}: 'id' is {_shown(identifier)}; it must be a text or an integer")
    return str(identifier)


def _text(holder: Any, key: str, where: str) -> str:
    """Return a text that can be asked."""
    text = _field(holder, key, str, where)
    if not any(map(_is_visible, text)):
        raise SquadError(
            f"{where}: its {key} is {_shown(text)}, which holds no text; write one, or remove the "
            "question"
        )
    if half := _HALF_CHARACTER.search(text):
        raise SquadError(
            f"{where}: its {key} has half of a character, {half[0]!r}, at {half.start()}, as when "
            "a text is cut between UTF-16 units; write the whole character"
        )
    return text


def _is_visible(character: str) -> bool:
    """Whether a tokenizer keeps it: white space, controls and lone accents are dropped."""
    category = unicodedata.category(character)
    return category[0] not in "ZC" and category != "Mn"


def _answers(question: Any, where: str) -> tuple[str, ...]:
    impossible = question.get("is_impossible", False)
    if not isinstance(impossible, bool):
        raise SquadError(
            f"{where}: 'is_impossible' is {_shown(impossible)}; it must be true or false"
        )
    if impossible and "answers" not in question:
        return ()
    answers = _field(question, "answers", list, f"{where} (an empty list says: no answer)")
    texts = (_field(each, "text", str, f"{where}: an answer") for each in answers)
    golds = tuple(text for text in texts if text.strip())
    if impossible and golds:
        raise SquadError(
            f"{where}: 'is_impossible' is true, but it has the answer {_shown(golds[0])}; remove "
            "one of the two"
        )
    return golds


def _field(holder: Any, key: str, kind: type[Kind], where: str) -> Kind:
    """Return what ``holder`` has at ``key``, which must be a ``kind``."""
    if not isinstance(holder, Mapping):
        raise SquadError(f"{where}: {_shown(holder)} is not an object with the key {key!r}")
    if key not in holder:
        raise SquadError(f"{where} has no {key!r}; {_FORM}")
    value = holder[key]
    if not isinstance(value, kind):
        raise SquadError(f"{where}: {key!r} is {_shown(value)}; it must be {_KINDS[kind]}")
    return value


_FORM = (
    'the form is {"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", '
    '"answers": [{"text"}]}]}]}]}'
)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}..."
