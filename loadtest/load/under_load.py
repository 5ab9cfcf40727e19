"""Plans run against the gateway: their results are written and printed."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from loadtest.device import environment
from loadtest.errors import LoadTestError
from loadtest.load.answers import check_answers
from loadtest.load.client import is_gone
from loadtest.load.gateway import Gateway
from loadtest.load.keeper import TRANSPORT
from loadtest.load.measurement import Measurement, System
from loadtest.load.plan import Plan
from loadtest.load.processes import locust_environment
from loadtest.load.questions import read_questions
from loadtest.load.rows import Level
from loadtest.load.tables import NOTE, describe, latency_table, stage_table
from loadtest.load.users import AnswerUser, HuggingFaceUser
from loadtest.result import LoadRow, Result, Slo, write_result
from loadtest.stop import raise_again, stoppable

Route = Literal["answer", "huggingface"]
USERS = {"answer": AnswerUser, "huggingface": HuggingFaceUser}


@dataclass(frozen=True)
class Load:
    """What loads the gateway, and for how long."""

    route: Route
    dataset: Path
    questions: int
    seconds: float  # for which each level is measured
    processes: int
    workers: int


def run_plans(
    plans: Mapping[str, Plan], load: Load, served: AbstractContextManager[Gateway], folder: Path
) -> None:
    """Run ``plans`` against the ``served`` gateway; print the results and write them to ``folder``.

    Each plan has a result of its name. Raises LoadTestError when a plan ended early or a reply was
    wrong, after what was measured until then has been written.
    """
    questions = read_questions(load.dataset, load.questions)
    with (
        served as gateway,
        locust_environment(load.processes, load.workers) as locust,
    ):
        measuring = Measurement(locust, load.seconds)
        system = System.recorded(
            f"gateway {gateway.variant}",
            gateway.url,
            USERS[load.route],
            questions,
            gateway.counts,
        )
        for name, plan in plans.items():
            started = environment()
            rows, slo, partial = _run(plan, measuring, system)
            result = Result(
                name=name,
                environment=started,
                checkpoint=gateway.checkpoint,
                dataset=f"{load.dataset.name}, {len(questions)} questions",
                loads=tuple(rows),
                slo=slo,
                partial=partial,
            )
            _report(result, gateway, write_result(result, folder))


def _run(
    plan: Plan, measuring: Measurement, system: System
) -> tuple[list[LoadRow], Slo | None, str | None]:
    """Return the rows of ``plan``, what it found, and why it ended early."""
    console, rows = Console(stderr=True), list[LoadRow]()

    def measure(level: Level) -> LoadRow:
        with console.status(f"{level}, for {measuring.seconds:g} s once it is steady"):
            row = measuring.measure(system, level)
        rows.append(row)
        console.print(f"{level}: {describe(row)}", highlight=False)
        return row

    slo = None
    with stoppable() as stop:
        slo = _carry_out(plan, measure, system.url)
    return rows, slo, stop.reason


def _carry_out(plan: Plan, measure: Callable[[Level], LoadRow], url: str) -> Slo | None:
    """Measure the levels that ``plan`` asks for, and return what it returns.

    Raises LoadTestError when nothing answers at ``url`` any more.
    """
    level = next(plan)
    while True:
        row = measure(level)
        if is_gone(url, row):
            lost = row.failures[TRANSPORT]
            raise LoadTestError(f"nothing answers at {url} any more; {lost} requests were lost")
        try:
            level = plan.send(row)
        except StopIteration as end:
            found: Slo | None = end.value
            return found


def _report(result: Result, gateway: Gateway, path: Path) -> None:
    console = Console()
    console.print(latency_table(result.loads), stage_table(result.loads), NOTE)
    if result.slo:
        console.print(_slo_line(result.slo))
    print(f"the result: {path}")
    said = check_answers(result.loads, gateway.variant)
    if said:
        print(said)
    raise_again(result.partial, path)


def _slo_line(slo: Slo) -> str:
    if not slo.rate:
        return f"no rate holds a p99 of {slo.p99_ms:g} ms"
    return (
        f"p99 of {slo.p99_ms:g} ms holds up to {slo.rate:.1f} questions/s; goodput "
        f"{slo.goodput:.1f}/s, {100 * slo.goodput / slo.offline_rate:.0f} % of the offline "
        f"{slo.offline_rate:.1f}/s"
    )
