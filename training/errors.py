"""What stops a training: one line that says what was wrong and what to do."""


class TrainingError(Exception):
    """A training that cannot be run; the message says why."""
