"""A stage of a request: in a thread, or at once where it is short; how long it waited and took."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from serving.trace import Trace

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


async def run_stage(
    trace: Trace,
    stage: str,
    function: Callable[[*Arguments], Result],
    *args: *Arguments,
    is_short: bool,
) -> Result:
    """Run ``function`` in a thread, so that the event loop goes on meanwhile.

    One that ``is_short`` runs at once: to hand it over would take longer. The wait for a thread
    counts to the stage "queue", the rest to ``stage``.
    """
    if is_short:
        trace.add("queue", 0)
        with trace.stage(stage):
            return function(*args)
    asked = time.perf_counter()

    def run() -> Result:
        trace.add("queue", time.perf_counter() - asked)
        with trace.stage(stage):
            return function(*args)

    return await asyncio.to_thread(run)
