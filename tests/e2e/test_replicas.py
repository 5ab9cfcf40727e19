"""Two real Tritons behind one name: they share the work, and are replaced without a loss.

Each has an address of its own on the loopback interface, as each pod of a headless Service has.
The name is in an /etc/hosts that only the gateway sees, and that the test changes as it runs.
"""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.questions import ask, asking
from tests.e2e.stack import Stack, executed, running, wait_for
from tests.ports import free_ports

pytestmark = [pytest.mark.embedded, pytest.mark.thorough]

NAME = "triton.example"
NAMESPACE = ("unshare", "--map-root-user", "--mount")
TTL_SECONDS = 1.5  # how long the name keeps the address of a replica that stops


@dataclass(frozen=True)
class Name:
    """A name, and the command that starts a process that knows it."""

    hosts: Path
    port: int

    @property
    def wrapper(self) -> list[str]:
        script = f'mount --bind {self.hosts} /etc/hosts && exec "$@"'
        return [*NAMESPACE, "sh", "-c", script, "sh"]

    def say(self, *stacks: Stack) -> None:
        self.hosts.write_text("".join(f"{each.triton_host} {NAME}\n" for each in stacks))


@pytest.fixture
def name(tmp_path: Path) -> Name:
    if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("needs the right to make a mount namespace")
    return Name(tmp_path / "hosts", free_ports(1)[0])


@contextmanager
def replica(repository: Path, folder: Path, name: Name, number: int) -> Iterator[Stack]:
    """A Triton on an address of its own; the gateway that it belongs to is not asked."""
    where = {
        "ELECTRA_QA_TRITON_HOST": f"127.0.0.{number}",
        "ELECTRA_QA_TRITON_GRPC_PORT": str(name.port),
    }
    with running(repository, folder, **where) as stack:
        yield stack


@contextmanager
def gateway(repository: Path, folder: Path, name: Name) -> Iterator[Stack]:
    urls = f"{NAME}:{name.port}"
    settings = {"ELECTRA_QA_TRITON_URLS": urls, "ELECTRA_QA_MAX_QUEUE_SECONDS": "60"}
    with running(repository, folder, wrapper=name.wrapper, **settings) as stack:
        yield stack


def wait_until_said(stack: Stack, text: str, before: int = 0) -> None:
    """Return when the gateway has said ``text`` more than ``before`` times."""
    wait_for(lambda: stack.said(text) > before)


def test_replicas_of_one_name_share_the_work(repository: Path, tmp_path: Path, name: Name) -> None:
    """Under half of the load that they can bear; with more, the faster one does more."""
    with ExitStack() as stacks:
        pair = [stacks.enter_context(replica(repository, tmp_path, name, each)) for each in (2, 3)]
        name.say(*pair)
        front = stacks.enter_context(gateway(repository, tmp_path, name))
        for each in pair:
            wait_until_said(front, f"Triton at {each.triton_host}:{name.port} is in")
        pool = stacks.enter_context(ThreadPoolExecutor(8))

        def answer() -> object:
            return ask(front).json()["answer"]

        answer()
        asked = time.monotonic()
        answer()
        alone = time.monotonic() - asked
        before = [executed(each) for each in pair]
        answers = []
        for _ in range(100):
            answers.append(pool.submit(answer))
            time.sleep(2 * alone)
        assert {each.result() for each in answers} == {"William the Conqueror"}
        wait_for(lambda: sum(map(executed, pair)) - sum(before) >= 100)
        one, other = (executed(e) - b for e, b in zip(pair, before, strict=True))
        assert abs(one - other) <= 0.1 * (one + other) / 2


def test_a_rolling_restart_fails_no_request(repository: Path, tmp_path: Path, name: Name) -> None:
    """Start the new one, stop the old one; DNS drops the old one before that, or only after.

    Each way is taken twice, so that both addresses leave in it and come back.
    """

    def replace(old: Stack, new: Stack, front: Stack, dns: str) -> None:
        left = f"Triton at {old.triton_host}:{name.port} has left {NAME}"
        out = f"Triton at {old.triton_host}:{name.port} is out"
        times_left, times_out = front.said(left), front.said(out)
        name.say(old, new)
        joined = executed(new)
        wait_for(lambda: executed(new) > joined + 20)
        if dns == "before":
            name.say(new)
            wait_until_said(front, left, times_left)
        assert old.stop() == 0
        if dns == "after":
            wait_until_said(front, out, times_out)  # it was still asked
            time.sleep(TTL_SECONDS)
            name.say(new)
            wait_until_said(front, left, times_left)

    with ExitStack() as stacks:
        old = stacks.enter_context(replica(repository, tmp_path, name, 2))
        name.say(old)
        front = stacks.enter_context(gateway(repository, tmp_path, name))
        for number, dns in ((3, "before"), (2, "after"), (3, "after"), (2, "before")):
            # before anybody asks: under load, a start takes twice as long
            new = stacks.enter_context(replica(repository, tmp_path, name, number))
            with asking(front) as told:
                told.wait_for_more()
                replace(old, new, front, dns)
                told.wait_for_more()
            told.check_that_all_were_answered()
            old = new
