"""The one error of reading a checkpoint."""


class CheckpointError(Exception):
    """A checkpoint that cannot be read; the message says what was wrong and what to do."""
