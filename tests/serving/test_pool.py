"""The pool against replicas, over gRPC, that say what the tests tell them."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest
from tokenizers import Tokenizer
from tritonclient.grpc import service_pb2, service_pb2_grpc

from qa import tensors
from qa.windows import Rows, make_windows
from serving import pool as pool_module
from serving.errors import DeadlineExceeded, Unavailable
from serving.names import Place
from serving.pool import Pool
from serving.triton import Triton

MODEL = "electra"
NAME = "triton.example"


class Replica(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Answers every inference with zeros, unless it is to refuse or to wait."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.asked = 0
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        self.asked += 1
        await self.answers.wait()
        if self.refusal:
            await context.abort(*self.refusal)
        response = service_pb2.ModelInferResponse(model_name=request.model_name)
        for name in tensors.OUTPUTS:
            shape = request.inputs[0].shape
            response.outputs.add(name=name, datatype="FP32", shape=shape)
            response.raw_output_contents.append(np.zeros(shape, np.float32).tobytes())
        return response


@asynccontextmanager
async def serving(number: int, port: int = 0) -> AsyncIterator[tuple[Replica, grpc.aio.Server]]:
    """A replica on a loopback address of its own, as pods have; all share one port."""
    server = grpc.aio.server()
    host = f"127.0.0.{number}"
    bound = server.add_insecure_port(f"{host}:{port}")
    replica = Replica(Place(host, bound))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(replica, server)
    await server.start()
    try:
        yield replica, server
    finally:
        await server.stop(0)


class Names:
    """A resolver that says what the tests tell it."""

    def __init__(self, *replicas: Replica) -> None:
        self.say(*replicas)

    def say(self, *replicas: Replica) -> None:
        self.found: set[Place] | None = {replica.place for replica in replicas}

    async def resolve(self, _: Place) -> set[Place]:
        if self.found is None:
            raise OSError("Temporary failure in name resolution")
        return self.found


@asynccontextmanager
async def pooled(names: Names, port: int, rows: Rows) -> AsyncIterator[Pool]:
    """A pool that follows one name, from when all its replicas have answered a probe."""
    pool = Pool([f"{NAME}:{port}"], names.resolve)

    async def ask(triton: Triton) -> None:
        await triton.infer(MODEL, rows, 1)

    watch = asyncio.create_task(pool.watch(ask))
    await until_in(pool, len(names.found or ()))
    try:
        yield pool
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await pool.close()


async def until_in(pool: Pool, count: int) -> None:
    async with asyncio.timeout(30):
        while [each.out for each in pool.endpoints] != [False] * count:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def two(rows: Rows) -> AsyncIterator[tuple[Replica, Replica, Names, Pool]]:
    async with serving(2) as (one, _), serving(3, one.place.port) as (other, _):
        names = Names(one, other)
        async with pooled(names, one.place.port, rows) as pool:
            one.asked = other.asked = 0
            yield one, other, names, pool


@pytest.fixture(scope="module")
def rows(tokenizer: Tokenizer) -> Rows:
    made = make_windows(tokenizer, "Who?", "William the Conqueror.", sequence_length=384)
    return made.rows(np.arange(1), 64)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool looks more often, so that tests need not wait."""
    monkeypatch.setattr(pool_module, "WATCH_SECONDS", 0.05)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


@pytest.mark.parametrize("clients", [1, 8])
def test_those_of_one_name_share_the_work(rows: Rows, clients: int) -> None:
    async def test() -> None:
        async with two(rows) as (one, other, _, pool):

            async def ask() -> None:
                for _ in range(200 // clients):
                    await pool.infer(MODEL, rows, 10)

            await asyncio.gather(*(ask() for _ in range(clients)))
            assert one.asked + other.asked == 200
            assert abs(one.asked - other.asked) <= 20

    run(test())


def test_a_new_one_gets_no_work_before_it_has_answered_a_probe(rows: Rows) -> None:
    async def test() -> None:
        async with serving(2) as (one, _), serving(3, one.place.port) as (new, _):
            names = Names(one)
            async with pooled(names, one.place.port, rows) as pool:
                new.answers.clear()
                names.say(one, new)
                async with asyncio.timeout(30):
                    while not new.asked:  # by a probe, which it does not answer yet
                        await asyncio.sleep(0.01)
                for _ in range(20):
                    await pool.infer(MODEL, rows, 10)
                assert new.asked == 1
                new.answers.set()
                await until_in(pool, 2)
                new.asked = 0
                for _ in range(20):
                    await pool.infer(MODEL, rows, 10)
                assert new.asked == 10

    run(test())


def test_a_vanished_one_finishes_what_it_has_and_gets_no_more(rows: Rows) -> None:
    async def test() -> None:
        async with two(rows) as (one, other, names, pool):
            leaving = {each.triton.url: each.triton for each in pool.endpoints}[str(one.place)]
            one.answers.clear()
            asked = [asyncio.create_task(pool.infer(MODEL, rows, 30)) for _ in range(2)]
            while not one.asked:
                await asyncio.sleep(0.01)
            names.say(other)
            await until_in(pool, 1)
            for _ in range(10):
                await pool.infer(MODEL, rows, 10)
            assert one.asked == 1
            one.answers.set()
            assert {len(each.start) for each in await asyncio.gather(*asked)} == {1}
            with pytest.raises(Unavailable, match="is shutting down"):  # its connection is closed
                await leaving.infer(MODEL, rows, 10)

    run(test())


@pytest.mark.parametrize(
    "refusal",
    [
        (grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'electra' is not found"),
        (grpc.StatusCode.UNAVAILABLE, "Request for unknown model: 'electra' has no versions"),
        (grpc.StatusCode.UNAVAILABLE, "Server is stopping, scheduler has stopped accepting new"),
        (grpc.StatusCode.INVALID_ARGUMENT, "Server not ready"),
        (grpc.StatusCode.CANCELLED, "CANCELLED"),
    ],
)
def test_what_a_stopping_one_refuses_is_asked_of_another_once(
    rows: Rows, refusal: tuple[grpc.StatusCode, str]
) -> None:
    async def test() -> None:
        async with two(rows) as (one, other, _, pool):
            one.refusal = refusal
            for _ in range(10):
                await pool.infer(MODEL, rows, 10)
            assert other.asked == 10
            other.refusal = refusal
            before = one.asked + other.asked
            with pytest.raises(Unavailable):
                await pool.infer(MODEL, rows, 10)
            # probes ask the one that is out as well, so that there may be more than two
            assert one.asked + other.asked >= before + 2

    run(test())


def test_a_connection_that_closes_under_a_request_is_no_loss(rows: Rows) -> None:
    async def test() -> None:
        async with serving(2) as (one, server), serving(3, one.place.port) as (other, _):
            names = Names(one, other)
            async with pooled(names, one.place.port, rows) as pool:
                one.answers.clear()
                one.asked = 0
                asked = [asyncio.create_task(pool.infer(MODEL, rows, 30)) for _ in range(4)]
                while one.asked < 2:
                    await asyncio.sleep(0.01)
                await server.stop(0)
                assert {len(each.start) for each in await asyncio.gather(*asked)} == {1}

    run(test())


def test_the_second_try_has_the_time_that_is_left(rows: Rows) -> None:
    async def test() -> None:
        async with two(rows) as (one, other, _, pool):
            one.refusal = (grpc.StatusCode.UNAVAILABLE, "unknown model")
            other.answers.clear()
            started = time.monotonic()
            with pytest.raises(DeadlineExceeded):
                await asyncio.gather(*(pool.infer(MODEL, rows, 0.5) for _ in range(2)))
            assert 0.45 < time.monotonic() - started < 5
            other.answers.set()

    run(test())


def test_one_that_hangs_is_left_out_until_it_answers(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "SILENT_SECONDS", 0.2)

    async def test() -> None:
        async with two(rows) as (one, other, _, pool):
            one.answers.clear()
            asked = [asyncio.create_task(pool.infer(MODEL, rows, 60)) for _ in range(2)]
            async with asyncio.timeout(30):
                while not any(endpoint.out for endpoint in pool.endpoints):
                    await asyncio.sleep(0.01)
            for _ in range(10):
                await pool.infer(MODEL, rows, 10)
            assert other.asked == 11
            one.answers.set()
            await asyncio.gather(*asked)
            await until_in(pool, 2)

    run(test())


def test_a_name_that_cannot_be_resolved_keeps_its_addresses(
    rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with two(rows) as (_, _, names, pool):
            names.found = None
            await asyncio.sleep(0.3)
            await pool.infer(MODEL, rows, 10)
            assert len(pool.endpoints) == 2

    run(test())
    said = [each.message for each in caplog.records if "cannot be resolved" in each.message]
    assert said == [f"{NAME} cannot be resolved: Temporary failure in name resolution"]


def test_a_name_without_addresses_is_unavailable(rows: Rows) -> None:
    async def test() -> None:
        pool = Pool([NAME])
        for asked in (pool.infer(MODEL, rows, 1), pool.info(MODEL, 1)):
            with pytest.raises(Unavailable, match=f"no Triton is found at {NAME}"):
                await asked

    run(test())


def test_addresses_need_no_resolver(rows: Rows) -> None:
    async def refuse(_: Place) -> Iterable[Place]:
        raise AssertionError

    async def test() -> None:
        async with serving(2) as (one, _):
            pool = Pool([str(one.place)], refuse)  # type: ignore[arg-type]
            await pool.infer(MODEL, rows, 10)  # before there was a probe: there is no other
            await pool.close()

    run(test())
