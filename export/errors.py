"""The one error of an export."""


class ExportError(Exception):
    """An export that cannot be made; the message says what was wrong and what to do."""
