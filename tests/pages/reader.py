"""What a browser finds in a page."""

from collections import Counter
from html.parser import HTMLParser

VOID = {"br", "hr", "img", "link", "meta"}


class Reader(HTMLParser):
    """Elements, attributes, texts, and the cells of tables; every element must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.rows: list[dict[str, str]] = []
        self._open: list[str] = []
        self._head = ""
        self.feed(html)
        self.close()
        assert self._open == []

    def values(self, *names: str) -> list[str]:
        """Return the values of all attributes of these names."""
        return [value for name, value in self.attributes if name in names]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag == "tr":
            self.rows.append({})
        if tag == "td":
            self._head = dict(attrs)["data-head"] or ""
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "td":
            self._head = ""

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.texts.append(data)
        if self._head:
            space = " " if self._open[-1] == "span" else ""  # a note has a line of its own
            cells = self.rows[-1]
            cells[self._head] = cells.get(self._head, "") + space + data
