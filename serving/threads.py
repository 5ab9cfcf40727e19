"""A function in a thread, and how long it waited and took."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from serving.trace import Trace

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


async def in_thread(
    trace: Trace, stage: str, function: Callable[[*Arguments], Result], *args: *Arguments
) -> Result:
    """Run ``function`` in a thread, so that the event loop goes on meanwhile.

    The wait for a thread counts to the stage "queue", the rest to ``stage``.
    """
    asked = time.perf_counter()

    def run() -> Result:
        trace.add("queue", time.perf_counter() - asked)
        with trace.stage(stage):
            return function(*args)

    return await asyncio.to_thread(run)
