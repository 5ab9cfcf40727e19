"""What stops a measurement: one line that says what was wrong and what to do."""


class LoadTestError(Exception):
    """A measurement that cannot be made or finished; the message says why."""
