"""Locust's users: each asks questions, one after the other or at random times of its own."""

import time

import gevent
from locust import task
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment

from loadtest.load.client import headers
from loadtest.load.keeper import RIGHT, Keeper, Sample, judge
from loadtest.load.proxy import proxy_options
from qa.retry_after import retry_seconds

PATIENCE_SECONDS = 60
RETRY_SECONDS = 0.1


class AskingUser(FastHttpUser):
    """One who asks what the keeper's assignment says.

    In a closed loop a user waits for the reply and then sends the next question. One who was
    refused waits for as long as the reply's ``retry-after`` asks.

    In an open loop a user is a Poisson source of the assignment's rate, and many of them are one
    of the sum of their rates. Nothing waits for a reply, and latency counts from the time at which
    a question was to be sent: a server that stalls hides neither the questions that come
    meanwhile nor how long they wait.
    """

    abstract = True
    route: str
    keeper: Keeper  # of this process; loadtest.load.crew sets it
    connection_timeout = network_timeout = PATIENCE_SECONDS
    concurrency = 10_000  # connections, so that no question waits for one

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.client.client.clientpool.client_args.update(proxy_options(self.keeper.assignment.url))

    def on_start(self) -> None:
        """Wait for the first time to send, which in an open loop is random as all others."""
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
        """Send a question that is due, keep what came of it, and return how long to wait, s."""
        keeper, sent = self.keeper, self.keeper.phase
        keeper.in_flight[sent] += 1
        try:
            return self._ask(due, sent)
        finally:  # also when a user is stopped before the reply
            keeper.in_flight[sent] -= 1

    def _ask(self, due: float, sent: int) -> float:
        keeper, assignment = self.keeper, self.keeper.assignment
        question = keeper.next_question()
        body = keeper.bodies[self.route][question]
        started = time.perf_counter()
        with self.client.post(
            assignment.url + self.route,
            data=body,
            headers=headers(),
            name=self.route,
            catch_response=True,
        ) as reply:
            ms = 1e3 * (time.perf_counter() - due)
            known = assignment.known[self.route][question]
            outcome = judge(reply.status_code, reply.content, known)
            if outcome != RIGHT:
                reply.failure(outcome)
        replied = reply.headers or {}
        timing = replied.get("server-timing") or ""
        delay = 1e3 * (started - due)
        keeper.samples.append(
            Sample(self.route, question, sent, keeper.phase, ms, delay, outcome, timing)
        )
        if outcome == RIGHT:
            return 0.0
        return retry_seconds(replied.get("retry-after"), RETRY_SECONDS)


class AnswerUser(AskingUser):
    """One who asks the gateway's own route."""

    route = "/answer"


class HuggingFaceUser(AskingUser):
    """One who asks by Hugging Face's schema."""

    route = "/"
