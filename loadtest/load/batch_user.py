"""A Locust user who asks many questions in one request."""

import json
import time
from typing import Any

from loadtest.load.client import headers
from loadtest.load.keeper import RIGHT, Sample, judge
from loadtest.load.questions import BATCH_ROUTE
from loadtest.load.users import RETRY_SECONDS, AskingUser
from qa.retry_after import retry_seconds

PAIRS = 16  # a request should take much less than a measurement


class BatchUser(AskingUser):
    """One who asks ``PAIRS`` questions at a time, in a closed loop.

    Each of them is a sample of its own, that took as long as the whole request.
    """

    route = BATCH_ROUTE

    def _send(self, due: float) -> float:
        keeper, assignment, sent = self.keeper, self.keeper.assignment, self.keeper.phase
        numbers = [keeper.next_question() for _ in range(PAIRS)]
        pairs = [assignment.questions[number]._asdict() for number in numbers]
        keeper.in_flight[sent] += 1
        started = time.perf_counter()
        try:
            with self.client.post(
                assignment.url + self.route,
                data=json.dumps({"pairs": pairs}),
                headers=headers(),
                name=self.route,
                catch_response=True,
            ) as reply:
                ms = 1e3 * (time.perf_counter() - due)
                answers = _answers(reply.content or b"", len(pairs))
                replied = reply.headers or {}
            outcomes = [
                judge(reply.status_code, answer, assignment.known[self.route][number])
                for number, answer in zip(numbers, answers, strict=True)
            ]
            keeper.samples += [
                Sample(
                    route=self.route,
                    question=number,
                    sent=sent,
                    done=keeper.phase,
                    ms=ms,
                    delay=1e3 * (started - due),
                    outcome=outcome,
                    timing=replied.get("server-timing") or "",
                )
                for number, outcome in zip(numbers, outcomes, strict=True)
            ]
        finally:  # also when a user is stopped before the reply
            keeper.in_flight[sent] -= 1
        if RIGHT in outcomes:
            return 0.0
        return retry_seconds(replied.get("retry-after"), RETRY_SECONDS)


def _answers(body: bytes, count: int) -> list[bytes]:
    """Return the answers of a reply as if each had come alone; empty where there are none."""
    try:
        answers: list[Any] = json.loads(body)["answers"]
    except (ValueError, TypeError, KeyError):
        answers = []
    return [json.dumps(each).encode() for each in answers[:count]] + [b""] * (count - len(answers))
