"""A plan that is run, level by level; what was measured outlives what ends it."""

from collections.abc import Callable

from loadtest.errors import LoadTestError
from loadtest.load.client import is_reachable
from loadtest.load.keeper import TRANSPORT
from loadtest.load.plan import Plan
from loadtest.load.rows import Level
from loadtest.result import LoadRow, Slo


def run(plan: Plan, measure: Callable[[Level], LoadRow], url: str) -> Slo | None:
    """Measure the levels that ``plan`` asks for, and return what it returns.

    Raises LoadTestError when nothing answers at ``url`` any more.
    """
    level = next(plan)
    while True:
        row = measure(level)
        if (lost := row.failures.get(TRANSPORT)) and not is_reachable(url):
            raise LoadTestError(f"nothing answers at {url} any more; {lost} requests were lost")
        try:
            level = plan.send(row)
        except StopIteration as end:
            found: Slo | None = end.value
            return found
