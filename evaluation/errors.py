"""The one error of an evaluation."""


class EvaluationError(Exception):
    """The gateway cannot be evaluated, or did not answer a question; the message says why."""
