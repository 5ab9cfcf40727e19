"""What ends an evaluation, or keeps a question from its answer."""


class EvaluationError(Exception):
    """The gateway cannot be evaluated, or asked this question; the message says why."""
