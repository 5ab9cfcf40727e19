"""The part of a Markdown document that the code generates: what is between two markers."""


def with_part(text: str, name: str, part: str) -> str:
    """Return ``text`` with ``part`` between ``<!-- name -->`` and ``<!-- /name -->``.

    Raises ValueError when a marker is missing.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    for marker in (start, end):
        if marker not in text:
            raise ValueError(f"the document has no {marker}")
    before, after = text.index(start) + len(start), text.index(end)
    return f"{text[:before]}\n{part}\n{text[after:]}"
