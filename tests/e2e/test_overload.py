"""More than there is room or time for is refused early, or dropped before it is computed."""

import asyncio
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from tests.e2e.stack import Stack, processes, running, wait_until_ready
from tests.e2e.test_answer import NORMAN

LONG = {**NORMAN, "context": NORMAN["context"] + " It was a mild and dry year." * 420}  # 24 windows


@pytest.fixture(scope="module")
def small(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("small")
    with running(repository, folder, MAX_WINDOWS_IN_FLIGHT="30", MAX_QUEUE_SECONDS="60") as stack:
        yield stack


@pytest.fixture(scope="module")
def patient(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One that lets all wait, however long."""
    with running(repository, tmp_path_factory.mktemp("patient"), MAX_QUEUE_SECONDS="60") as stack:
        yield stack


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def triton(stack: Stack, metric: str) -> int:
    """Triton's own figure, over all labels."""
    text = httpx.get(f"http://127.0.0.1:{stack.triton_metrics_port}/metrics").text
    return sum(int(each) for each in re.findall(rf"^{metric}{{.*}} (\d+)", text, re.MULTILINE))


def waiting(stack: Stack) -> int:
    return triton(stack, "nv_inference_pending_request_count")


def executed(stack: Stack) -> int:
    """The windows that Triton has computed."""
    return triton(stack, "nv_inference_count")


def gateway(stack: Stack, metric: str) -> int:
    text = httpx.get(f"{stack.url}/metrics").text
    found = re.search(rf"^electra_qa_{metric} (\d+)", text, re.MULTILINE)
    assert found
    return int(found[1])


def windows_in_flight(stack: Stack) -> int:
    return gateway(stack, "windows_in_flight")


@contextmanager
def busy(stack: Stack) -> Iterator[None]:
    """Keep Triton busy with a LONG: what comes in the block waits in its queue."""
    sent = gateway(stack, "question_windows_count")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(httpx.post, f"{stack.url}/answer", json=LONG, timeout=60)
        wait_for(lambda: gateway(stack, "question_windows_count") > sent)
        time.sleep(0.1)  # from the gateway into Triton, and out of its queue
        yield
        assert first.result().status_code == 200
    wait_for(lambda: waiting(stack) == 0)


def test_windows_over_the_bound_are_refused_before_any_work(small: Stack) -> None:
    """Two LONGs do not fit beside each other, a NORMAN does; the room comes back."""
    url = f"{small.url}/answer"
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(httpx.post, url, json=LONG, timeout=60)
        wait_for(lambda: windows_in_flight(small) > 0)
        refused = httpx.post(url, json=LONG, timeout=60)
        beside = pool.submit(httpx.post, url, json=NORMAN, timeout=60)
        assert (refused.status_code, refused.json()["error"]["type"]) == (429, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["server-timing"].startswith("total;")  # nothing was begun
        assert "more than the 30 allowed" in refused.json()["error"]["message"]
        assert first.result().status_code == 200
        assert beside.result().status_code != 429
    assert windows_in_flight(small) == 0
    assert httpx.post(url, json=LONG, timeout=60).status_code == 200


def test_the_gateway_lives_while_it_tokenizes(stack: Stack, tmp_path: Path) -> None:
    """Contexts of the largest size, from a process of its own, that end at the tokenizer."""
    load = """
import httpx, sys
from concurrent.futures import ThreadPoolExecutor
body = {"question": "Who?", "context": "The weather was mild and dry. " * 8300, "doc_stride": 64}
with ThreadPoolExecutor(2) as pool:
    ask = lambda _: httpx.post(sys.argv[1] + "/answer", json=body, timeout=60).status_code
    print(sorted(set(pool.map(ask, range(24)))))
"""
    took = []
    said = tmp_path / "load"
    with said.open("wb") as output, httpx.Client(base_url=stack.url, timeout=60) as client:
        asking = Popen([sys.executable, "-c", load, stack.url], stdout=output)
        while asking.poll() is None:
            started = time.perf_counter()
            assert client.get("/health/live").status_code == 200
            took.append(time.perf_counter() - started)
    assert said.read_text() == "[422]\n"
    assert statistics.quantiles(took, n=20)[-1] < 0.05


def test_what_a_client_left_behind_is_not_computed(patient: Stack) -> None:
    failed, rows = triton(patient, "nv_inference_request_failure"), executed(patient)
    with busy(patient):
        for _ in range(3):
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(f"{patient.url}/answer", json=LONG, timeout=0.1)
    assert executed(patient) - rows < 2 * 24
    assert triton(patient, "nv_inference_request_failure") - failed >= 3  # and late probes
    assert windows_in_flight(patient) == 0


def test_what_is_late_is_504_and_not_computed(patient: Stack) -> None:
    failed, rows = triton(patient, "nv_inference_request_failure"), executed(patient)
    with busy(patient):
        for _ in range(3):
            headers = {"x-request-timeout-ms": "100"}
            late = httpx.post(f"{patient.url}/answer", json=LONG, headers=headers, timeout=60)
            assert (late.status_code, late.json()["error"]["type"]) == (504, "deadline_exceeded")
    assert executed(patient) - rows < 2 * 24
    assert triton(patient, "nv_inference_request_failure") - failed >= 3  # and late probes


def test_a_deadline_can_only_be_shortened(repository: Path, tmp_path: Path) -> None:
    with running(repository, tmp_path, REQUEST_SECONDS="0.05") as stack:
        headers = {"x-request-timeout-ms": "60000"}
        late = httpx.post(f"{stack.url}/answer", json=LONG, headers=headers, timeout=30)
        assert late.status_code == 504
        wait_until_ready(stack)


@pytest.mark.parametrize("wrong", ["0", "-1", "soon", "1.5"])
def test_a_timeout_that_is_none_is_refused(client: httpx.Client, wrong: str) -> None:
    refused = client.post("/answer", json=NORMAN, headers={"x-request-timeout-ms": wrong})
    assert refused.status_code == 422
    assert refused.json()["error"]["message"].startswith("x-request-timeout-ms: ")


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


def p99(replies: list[Reply]) -> float:
    return sorted(reply.seconds for reply in replies)[int(0.99 * len(replies))]


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


def overloaded(repository: Path, folder: Path, idle: Stack, seconds: float) -> None:
    """The wait that is allowed is half of what a request takes when it is alone."""
    before = asyncio.run(alone(idle.url, seconds / 3))
    with running(repository, folder, MAX_QUEUE_SECONDS=str(p99(before) / 2)) as stack:
        asyncio.run(three_times_too_much(stack.url, seconds / 4))
        used = memory(stack)
        replies = asyncio.run(three_times_too_much(stack.url, seconds))
        assert memory(stack) < 1.05 * used
    after = asyncio.run(alone(idle.url, seconds / 3))
    accepted = [reply for reply in replies if reply.response.status_code == 200]
    refused = [reply for reply in replies if reply.response.status_code == 429]
    assert len(accepted) + len(refused) == len(replies)
    assert {each.response.json()["answer"] for each in accepted} == {"William the Conqueror"}
    assert all(int(each.response.headers["retry-after"]) >= 1 for each in refused)
    assert len(refused) > len(replies) / 3
    assert len(accepted) > len(replies) / 8
    # the machine may have been slower after than before
    assert p99(accepted) < 2 * max(p99(before), p99(after))


def test_overload(repository: Path, tmp_path: Path, stack: Stack) -> None:
    overloaded(repository, tmp_path, stack, seconds=8)


@pytest.mark.slow
def test_overload_for_two_minutes(repository: Path, tmp_path: Path, stack: Stack) -> None:
    overloaded(repository, tmp_path, stack, seconds=120)
