"""The one error of the embedded Triton."""


class EmbeddedError(Exception):
    """The embedded Triton cannot start, or did not come up; the message says what to do."""
