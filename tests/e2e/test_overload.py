"""Overload: a request without room or time is refused early, or dropped before it is computed."""

import asyncio
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from subprocess import PIPE, Popen

import httpx
import pytest

from embedded.selection import Choice
from serving.supervision import CHECK_SECONDS
from tests.e2e.questions import NORMAN
from tests.e2e.stack import (
    Stack,
    counted,
    executed,
    paused,
    processes,
    running,
    triton_of,
    wait_for,
    waiting,
    windows_in_flight,
)
from tests.serving.test_bad_input import JSON

pytestmark = [pytest.mark.embedded, pytest.mark.thorough]

LONG = {**NORMAN, "context": NORMAN["context"] + " It was a mild and dry year." * 420}  # 25 windows
LATE = 6  # requests
HUGE = [{**LONG, "doc_stride": each} for each in (24, 48)]  # of different lengths: one stays


@pytest.fixture(scope="module")
def small(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("small")
    with running(
        repository, folder, ELECTRA_QA_MAX_WINDOWS_IN_FLIGHT="30", ELECTRA_QA_MAX_QUEUE_SECONDS="60"
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def patient(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One whose requests may wait long."""
    settings = {"ELECTRA_QA_MAX_QUEUE_SECONDS": "600", "ELECTRA_QA_REQUEST_SECONDS": "600"}
    with running(repository, tmp_path_factory.mktemp("patient"), **settings) as stack:
        yield stack


@contextmanager
def busy(stack: Stack) -> Iterator[list[int]]:
    """Ask both HUGE questions again and again: Triton is busy, and others wait in its queue.

    After the block, the list has the statuses of all replies to them.
    """
    asked, ending = counted(stack, "question_windows_count"), threading.Event()
    replies: list[int] = []

    def ask(body: dict[str, str | int]) -> None:
        while not ending.is_set():
            reply = httpx.post(f"{stack.url}/answer", json=body, timeout=600)
            replies.append(reply.status_code)

    with ThreadPoolExecutor(len(HUGE)) as pool:
        both = [pool.submit(ask, each) for each in HUGE]
        try:
            wait_for(lambda: counted(stack, "question_windows_count") >= asked + len(HUGE))
            time.sleep(0.1)  # from the gateway into Triton, and out of its queue
            yield replies
            assert not any(each.done() for each in both)
        finally:
            ending.set()
        for each in both:
            each.result()
    assert set(replies) == {200}
    wait_for(lambda: waiting(stack) == 0)


def asked_and_computed(stack: Stack) -> tuple[int, int, int]:
    """The number of tokenized questions, of their windows, and of windows that Triton computed."""
    questions, windows = (counted(stack, f"question_windows_{what}") for what in ("count", "sum"))
    return questions, windows, executed(stack)


def check_that_most_was_spared(
    stack: Stack, before: tuple[int, int, int], started: float, beside: int
) -> None:
    """Check that a fifth at most of the LONG texts' windows was computed.

    The questions since ``before`` are LONG ones and ``beside`` HUGE ones, which are computed whole.
    One that was late before it was tokenized is not counted. While Triton is silent, the gateway
    probes it with a window every CHECK_SECONDS.
    """
    probes = (time.monotonic() - started) / CHECK_SECONDS
    questions, windows, computed = (
        now - then for now, then in zip(asked_and_computed(stack), before, strict=True)
    )
    assert computed <= windows - 0.8 * 25 * (questions - beside) + probes


def test_windows_over_the_bound_are_refused_before_any_work(small: Stack) -> None:
    """Two LONGs do not fit beside each other, a NORMAN does; in the end the room is free again."""
    url = f"{small.url}/answer"
    with ThreadPoolExecutor(2) as pool:
        with paused(small):
            first = pool.submit(httpx.post, url, json=LONG, timeout=60)
            wait_for(lambda: windows_in_flight(small) > 0)
            refused = httpx.post(url, json=LONG, timeout=60)
            alone = windows_in_flight(small)
            beside = pool.submit(httpx.post, url, json=NORMAN, timeout=60)
            wait_for(lambda: windows_in_flight(small) > alone)
        assert (refused.status_code, refused.json()["error"]["type"]) == (429, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["server-timing"].startswith("total;")  # nothing was begun
        assert "more than the 30 allowed" in refused.json()["error"]["message"]
        assert first.result().status_code == beside.result().status_code == 200
    assert windows_in_flight(small) == 0
    assert httpx.post(url, json=LONG, timeout=60).status_code == 200


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.99 * len(seconds))]


LOAD = """
import httpx, sys
from concurrent.futures import ThreadPoolExecutor
body = {"question": "Who?", "context": "The weather was mild and dry. " * 8300, "doc_stride": 64}
with ThreadPoolExecutor(2) as pool:
    ask = lambda _: httpx.post(sys.argv[1] + "/answer", json=body, timeout=60).status_code
    print(sorted(set(pool.map(ask, range(24)))))
"""
ECHO = """
import socket
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(listening.getsockname()[1], flush=True)
    connection, _ = listening.accept()
    while received := connection.recv(1):
        connection.sendall(received)
"""


@contextmanager
def echo() -> Iterator[Callable[[], object]]:
    """Ask a process that only echoes: its time is that of the machine, not of the gateway."""
    with Popen([sys.executable, "-c", ECHO], stdout=PIPE, text=True) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:

            def ask() -> None:
                connection.sendall(b"x")
                connection.recv(1)

            yield ask


def timed(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


def test_the_gateway_lives_while_it_tokenizes(stack: Stack, tmp_path: Path) -> None:
    """Another process asks about the largest contexts, which are refused once tokenized."""
    took, control = [], []
    said = tmp_path / "load"
    with (
        said.open("wb") as output,
        httpx.Client(base_url=stack.url, timeout=60) as client,
        echo() as ask_echo,
    ):
        asking = Popen([sys.executable, "-c", LOAD, stack.url], stdout=output)
        while asking.poll() is None:
            took.append(timed(lambda: client.get("/health/live").raise_for_status()))
            control.append(timed(ask_echo))
    assert said.read_text() == "[422]\n"
    assert p99(took) < 0.05 + p99(control)


def test_what_a_client_left_behind_is_not_computed(patient: Stack) -> None:
    before, started = asked_and_computed(patient), time.monotonic()
    with busy(patient) as replies:
        asking, tokenized = (
            counted(patient, name) for name in ("requests_in_flight", "question_windows_count")
        )
        leaving = [HTTPConnection("127.0.0.1", patient.port) for _ in range(LATE)]
        for each in leaving:
            each.request("POST", "/answer", json.dumps(LONG), JSON)
        wait_for(lambda: counted(patient, "question_windows_count") >= tokenized + LATE)
        for each in leaving:
            each.close()
        wait_for(lambda: counted(patient, "requests_in_flight") <= asking)
    check_that_most_was_spared(patient, before, started, len(replies))
    assert windows_in_flight(patient) == 0


def test_what_is_late_is_504_and_not_computed(patient: Stack) -> None:
    before, started = asked_and_computed(patient), time.monotonic()
    with busy(patient) as replies, ThreadPoolExecutor(LATE) as pool:
        headers = {"x-request-timeout-ms": "500"}
        url = f"{patient.url}/answer"
        asked = [
            pool.submit(httpx.post, url, json=LONG, headers=headers, timeout=60)
            for _ in range(LATE)
        ]
        for each in asked:
            late = each.result()
            assert (late.status_code, late.json()["error"]["type"]) == (504, "deadline_exceeded")
    check_that_most_was_spared(patient, before, started, len(replies))


@pytest.mark.parametrize("wrong", ["0", "-1", "soon", "1.5"])
def test_a_timeout_that_is_none_is_refused(client: httpx.Client, wrong: str) -> None:
    refused = client.post("/answer", json=NORMAN, headers={"x-request-timeout-ms": wrong})
    assert refused.status_code == 422
    assert refused.json()["error"]["message"].startswith("x-request-timeout-ms: ")


@pytest.fixture
def unhurried(repository: Path, stack: Stack, choice: Choice, tmp_path: Path) -> Iterator[Stack]:
    """A gateway whose requests have time on a busy machine too, and wait no longer than others."""
    settings = {"ELECTRA_QA_MODEL": choice.model, "ELECTRA_QA_REQUEST_SECONDS": "120"}
    with running(repository, tmp_path, **settings, **triton_of(stack)) as gateway:
        yield gateway


def test_one_that_asks_much_does_not_shut_the_door(unhurried: Stack) -> None:
    """A long text, and a list of questions: short questions beside them get their answers."""
    asked = NORMAN["context"] + " It was a mild and dry year." * 1500  # 71 windows
    pairs = {
        "pairs": [{**NORMAN, "question": f"Who led conquest {number}?"} for number in range(128)]
    }
    for path, body in (("/answer", {**NORMAN, "context": asked}), ("/answers", pairs)):
        with (
            httpx.Client(base_url=unhurried.url, timeout=120) as client,
            ThreadPoolExecutor(1) as pool,
        ):
            for _ in range(5):
                client.post("/answer", json=NORMAN)  # so that the gateway knows its rate
            first = pool.submit(httpx.post, f"{unhurried.url}{path}", json=body, timeout=120)
            wait_for(lambda: windows_in_flight(unhurried) > 30)
            beside: list[int] = []
            while not first.done() and len(beside) < 50:
                beside.append(client.post("/answer", json=NORMAN).status_code)
            assert first.result().status_code == 200
        assert beside
        assert set(beside) == {200}


DOCUMENT = {**NORMAN, "context": NORMAN["context"] + " It was a mild and dry year." * 100}


@dataclass(frozen=True)
class Reply:
    """What one request was told, and how long it took."""

    response: httpx.Response
    seconds: float


async def ask(client: httpx.AsyncClient) -> Reply:
    started = time.perf_counter()
    response = await client.post("/answer", json=DOCUMENT)
    return Reply(response, time.perf_counter() - started)


async def one_by_one(client: httpx.AsyncClient, seconds: float) -> list[Reply]:
    end = time.perf_counter() + seconds
    replies = []
    while time.perf_counter() < end:
        replies.append(await ask(client))
        if replies[-1].response.status_code == 429:
            await asyncio.sleep(0.05)  # asking at once would take the CPU from those that are in
    return replies


async def at_rate(client: httpx.AsyncClient, rate: float, seconds: float) -> list[Reply]:
    """Ask so many times a second, whatever comes back."""
    async with asyncio.TaskGroup() as group:
        asking: list[asyncio.Task[Reply]] = []
        started = time.perf_counter()
        while (due := len(asking) / rate) < seconds:
            await asyncio.sleep(started + due - time.perf_counter())
            asking.append(group.create_task(ask(client)))
    return [each.result() for each in asking]


def memory(stack: Stack) -> int:
    """Bytes of the gateway, Triton and its stub in RAM."""
    pids = (stack.process.pid, *processes(stack))
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE")


async def alone(url: str, seconds: float) -> list[Reply]:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        await ask(client)
        return await one_by_one(client, seconds)


async def three_times_too_much(url: str, seconds: float) -> list[Reply]:
    """Find out how many a second are answered, and ask for three times as many."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        started = time.perf_counter()
        several = await asyncio.gather(*(one_by_one(client, seconds / 4) for _ in range(3)))
        answered = sum(reply.response.status_code == 200 for each in several for reply in each)
        return await at_rate(client, 3 * answered / (time.perf_counter() - started), seconds)


@dataclass(frozen=True)
class Overload:
    """What came of three times too many requests."""

    lone: float  # seconds, p99 of lone requests
    accepted: list[float]  # seconds, of each that was answered
    refused: int
    growth: float  # of the memory, as a share


def overloaded(repository: Path, folder: Path, idle: Stack, seconds: float) -> Overload:
    """Allow a wait of half the time that a lone request takes."""
    before = p99([each.seconds for each in asyncio.run(alone(idle.url, seconds / 3))])
    with running(repository, folder, ELECTRA_QA_MAX_QUEUE_SECONDS=str(before / 2)) as stack:
        asyncio.run(three_times_too_much(stack.url, seconds / 4))
        used = memory(stack)
        replies = asyncio.run(three_times_too_much(stack.url, seconds))
        growth = memory(stack) / used - 1
    # the machine may have been slower after than before
    after = p99([each.seconds for each in asyncio.run(alone(idle.url, seconds / 3))])
    accepted = [each for each in replies if each.response.status_code == 200]
    refused = [each.response for each in replies if each.response.status_code == 429]
    assert len(accepted) + len(refused) == len(replies)
    assert {each.response.json()["answer"] for each in accepted} == {"William the Conqueror"}
    assert all(int(each.headers["retry-after"]) >= 1 for each in refused)
    found = Overload(max(before, after), [each.seconds for each in accepted], len(refused), growth)
    print(
        f"alone {before:.3f} s before, {after:.3f} s after; accepted {p99(found.accepted):.3f} s "
        f"({len(accepted)} of {len(replies)}); memory {growth:+.1%}"
    )
    return found


def test_overload(repository: Path, tmp_path: Path, stack: Stack) -> None:
    """If all were admitted, the last would wait twice as long as the test asks."""
    found = overloaded(repository, tmp_path, stack, seconds=8)
    assert found.refused
    assert p99(found.accepted) < 4


@pytest.mark.slow
def test_overload_for_two_minutes(repository: Path, tmp_path: Path, stack: Stack) -> None:
    found = overloaded(repository, tmp_path, stack, seconds=120)
    asked = len(found.accepted) + found.refused
    assert found.refused > asked / 3
    assert len(found.accepted) > asked / 8
    assert p99(found.accepted) < 2 * found.lone
    assert found.growth < 0.05
