"""Locust's users: each asks questions, one after another or at random times."""

import time
from collections.abc import Sequence

import gevent
from locust import task
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment

from loadtest.load.client import headers, proxy_options
from loadtest.load.keeper import RIGHT, Keeper, Sample, judge
from loadtest.load.questions import (
    ANSWER_ROUTE,
    BATCH_ROUTE,
    HUGGING_FACE_ROUTE,
    body_of,
    parse_answers,
)
from qa.retry_after import retry_seconds

PATIENCE_SECONDS = 60
RETRY_SECONDS = 0.1


class AskingUser(FastHttpUser):
    """A user who asks the questions of the keeper's assignment.

    In a closed loop, a user waits for the reply and then sends the next question. After a refusal
    it waits for as long as the reply's ``retry-after`` asks.

    In an open loop, a user is a Poisson source of the assignment's rate; many users are one source
    of the sum of their rates. No question waits for a reply, and latency counts from the time at
    which a question was due. So a server that stalls hides neither the questions that arrive
    meanwhile nor how long they wait.
    """

    abstract = True
    route: str
    at_once = 1  # questions in a request
    keeper: Keeper  # of this process; set by loadtest.load.crew
    connection_timeout = network_timeout = PATIENCE_SECONDS
    concurrency = 10_000  # connections, so that no question waits for one

    def __init__(self, environment: Environment) -> None:
        self.default_headers = headers()
        super().__init__(environment)
        self.client.client.clientpool.client_args.update(proxy_options(self.keeper.assignment.url))

    def on_start(self) -> None:
        """In an open loop, wait for the first time to send, which is random like all others."""
        self.due = time.perf_counter()
        self.pause = 0.0
        if self.keeper.assignment.loop == "open":
            self._schedule()
            self.wait()  # type: ignore[no-untyped-call]

    def wait_time(self) -> float:
        """Return the seconds until the next question."""
        if self.keeper.assignment.loop == "open":
            return max(0.0, self.due - time.perf_counter())
        return self.pause

    @task
    def ask(self) -> None:
        """Send a question."""
        if self.keeper.assignment.loop == "open":
            gevent.spawn(self._send, self.due)
            self._schedule()
        else:
            self.pause = self._send(time.perf_counter())

    def _schedule(self) -> None:
        self.due += self.keeper.random.expovariate(self.keeper.assignment.rate)

    def _send(self, due: float) -> float:
        """Send what is ``due``, keep its samples, and return how long to wait, s."""
        keeper, sent = self.keeper, self.keeper.phase
        keeper.in_flight[sent] += 1
        try:
            return self._ask(due, sent)
        finally:  # also when a user is stopped before the reply
            keeper.in_flight[sent] -= 1

    def _ask(self, due: float, sent: int) -> float:
        keeper, known = self.keeper, self.keeper.assignment.known[self.route]
        numbers = [keeper.next_question() for _ in range(self.at_once)]
        started = time.perf_counter()
        with self.client.post(
            keeper.assignment.url + self.route,
            data=self._body(numbers),
            name=self.route,
            catch_response=True,
        ) as reply:
            ms = 1e3 * (time.perf_counter() - due)
            answers = parse_answers(reply.content or b"", self.route, self.at_once)
            outcomes = [
                judge(reply.status_code, answer, known[number])
                for number, answer in zip(numbers, answers, strict=True)
            ]
            if RIGHT not in outcomes:
                reply.failure(outcomes[0])
        replied = reply.headers or {}
        timing = replied.get("server-timing") or ""
        delay = 1e3 * (started - due)
        keeper.samples += [
            Sample(self.route, number, sent, keeper.phase, ms, delay, outcome, timing)
            for number, outcome in zip(numbers, outcomes, strict=True)
        ]
        if RIGHT in outcomes:
            return 0.0
        return retry_seconds(replied.get("retry-after"), RETRY_SECONDS)

    def _body(self, numbers: Sequence[int]) -> str:
        (number,) = numbers
        return self.keeper.bodies[self.route][number]


class AnswerUser(AskingUser):
    """A user of the gateway's own route."""

    route = ANSWER_ROUTE


class HuggingFaceUser(AskingUser):
    """A user of the route with Hugging Face's schema."""

    route = HUGGING_FACE_ROUTE


class BatchUser(AskingUser):
    """A user who asks many questions in one request.

    Each question is a sample of its own, which took as long as the whole request.
    """

    route = BATCH_ROUTE
    at_once = 16  # a request should take much less time than a measurement

    def _body(self, numbers: Sequence[int]) -> str:
        questions = self.keeper.assignment.questions
        return body_of([questions[number] for number in numbers], self.route)
