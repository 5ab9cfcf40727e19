"""Locust's users for a stack that is disturbed: each reply is the known answer, or says why not.

``KNOWN`` names a file with questions and the answers that the stack gave undisturbed; ``TOLD`` one
that counts, at the end, what was replied: right, wrong, a status, or ``none`` for no reply.
"""

import itertools
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

from locust import constant, events, task
from locust.contrib.fasthttp import FastHttpUser

QUESTIONS = json.loads(Path(os.environ["KNOWN"]).read_text())
TOLD: Counter[str] = Counter()


class Asker(FastHttpUser):
    """One who asks all questions in random order, again and again."""

    wait_time = constant(0.02)
    network_timeout = connection_timeout = 60

    def on_start(self) -> None:
        self.questions = itertools.cycle(random.sample(QUESTIONS, len(QUESTIONS)))

    @task
    def ask(self) -> None:
        asked = next(self.questions)
        body = {"question": asked["question"], "context": asked["context"]}
        with self.client.post("/answer", json=body, catch_response=True) as reply:
            TOLD[judge(reply.status_code, reply.content, asked["answer"])] += 1
            reply.success()  # judged above


def judge(status: int, content: bytes | None, answer: str) -> str:
    if status == 0:
        return "none"
    try:
        body = json.loads(content or b"")
    except ValueError:
        return f"{status} without a body of ours"
    if status != 200:
        return str(status) if "error" in body else f"{status} without a body of ours"
    return "right" if body["answer"] == answer else "wrong"


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def tell(**_: Any) -> None:
    Path(os.environ["TOLD"]).write_text(json.dumps(TOLD))
