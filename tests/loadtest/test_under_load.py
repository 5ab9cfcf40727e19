"""``loadtest load`` and ``slo`` against a stub whose replies are known."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.loadtest.command import SECONDS, loadtest, result, started
from tests.loadtest.stub import Reply, serving, stall

pytestmark = pytest.mark.thorough

LOCUSTFILE = ROOT / "loadtest" / "locustfile.py"
FEW = ("--questions", "5")
RECORDED = 5


def test_closed_loop_over_two_processes(tmp_path: Path) -> None:
    timing = {"server-timing": "infer;dur=15.00, total;dur=20.00"}
    with serving(lambda _: Reply(seconds=0.02, headers=timing)) as url:
        code, out, err = loadtest(
            tmp_path,
            *("load", "--url", url, "--loop", "closed", "--users", "1 4", "--seconds", "2"),
            *("--processes", "2", *FEW),
        )
    assert code == 0, err
    one, four = result(tmp_path).loads
    assert (one.level, four.level) == (1, 4)
    assert one.stages == {"infer": 15.0, "total": 20.0}
    for row in (one, four):
        assert min(row.latencies) >= 20
        assert row.wrong == 0
        assert not row.failures
        assert row.throughput <= row.level / 0.02
    assert four.throughput > 2 * one.throughput  # the other process's users count too
    assert "4 users" in out


def test_an_open_loop_shows_what_a_closed_one_hides(tmp_path: Path) -> None:
    """A server stands still for 0.25 s of every second: what is due in it is late."""
    with serving(lambda _: Reply(seconds=stall(1.0, 0.25))) as url:
        code, _, err = loadtest(
            tmp_path / "open",
            *("load", "--url", url, "--loop", "open", "--rates", "100", "--seconds", "2", *FEW),
        )
        assert code == 0, err
        code, _, err = loadtest(
            tmp_path / "closed",
            *("load", "--url", url, "--loop", "closed", "--users", "1", "--seconds", "2", *FEW),
        )
        assert code == 0, err
    (open_,) = result(tmp_path / "open").loads
    (closed,) = result(tmp_path / "closed").loads
    slow = sum(ms > 100 for ms in open_.latencies)  # of about 200, those of 0.15 s of every second
    assert 0.05 * len(open_.latencies) < slow < 0.4 * len(open_.latencies)
    assert 120 < len(open_.latencies) < 300
    assert sum(ms > 100 for ms in closed.latencies) <= 3


def test_slo(tmp_path: Path) -> None:
    """With 4 places of 0.05 s each and patient users, nearly the whole offline rate holds."""
    with serving(lambda _: Reply(seconds=0.05), at_once=4) as url:
        code, out, err = loadtest(
            tmp_path, "slo", "--url", url, "--p99-ms", "5000", "--seconds", "0.5", *FEW
        )
    assert code == 0, err
    found = result(tmp_path)
    assert found.slo is not None
    assert 20 < found.slo.offline_rate < 100  # 80 on a machine with nothing else to do
    assert 0.5 * found.slo.offline_rate < found.slo.rate <= found.slo.offline_rate
    assert found.loads[-1].level == found.slo.rate
    assert "p99 of 5000 ms holds up to" in out


def test_failures_are_counted_by_kind_apart_from_latency(tmp_path: Path) -> None:
    kinds = {0: 429, 1: 503, 2: 504}

    def reply(number: int) -> Reply:
        late = number >= RECORDED
        return Reply(status=kinds.get(number % 10, 200) if late else 200)

    with serving(reply) as url:
        code, out, err = loadtest(
            tmp_path,
            *("load", "--url", url, "--loop", "open", "--rates", "100", "--seconds", "2", *FEW),
        )
    assert code == 0, err
    (row,) = result(tmp_path).loads
    assert set(row.failures) == {"429", "503", "504"}
    assert sum(row.failures.values()) == pytest.approx(0.3 / 0.7 * len(row.latencies), rel=0.2)
    assert f"{row.failures['429']} x 429" in out


def test_one_who_is_refused_comes_again_when_told(tmp_path: Path) -> None:
    def reply(number: int) -> Reply:
        return Reply() if number < RECORDED else Reply(status=429, headers={"retry-after": "1"})

    with serving(reply) as url:
        code, _, err = loadtest(
            tmp_path,
            *("load", "--url", url, "--loop", "closed", "--users", "3", "--seconds", "2", *FEW),
        )
    assert code == 0, err
    (row,) = result(tmp_path).loads
    assert 3 <= row.failures["429"] <= 9
    assert row.throughput == 0


def _sometimes_wrong(number: int) -> Reply:
    return Reply(answer="in 1067" if number > 20 and number % 3 == 0 else "in 1066")


def test_a_wrong_answer_fails_the_run(tmp_path: Path) -> None:
    with serving(_sometimes_wrong) as url:
        code, _, err = loadtest(
            tmp_path,
            *("load", "--url", url, "--loop", "closed", "--users", "2", "--seconds", "1", *FEW),
        )
    (row,) = result(tmp_path).loads
    assert code == 1
    assert row.wrong > 0
    assert err.strip().splitlines()[-1].startswith(f"error: wrong answers under load: {row.wrong}")


def test_answers_that_depend_on_the_batch_are_reported_but_fail_nothing(tmp_path: Path) -> None:
    with serving(_sometimes_wrong, model="electra_qa_onnx_int8") as url:
        code, out, err = loadtest(
            tmp_path,
            *("load", "--url", url, "--loop", "closed", "--users", "2", "--seconds", "1", *FEW),
        )
    (row,) = result(tmp_path).loads
    assert code == 0, err
    assert row.wrong > 0
    assert "expected, as onnx_int8 scales its activations" in out


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path) -> None:
    arguments = ("--loop", "closed", "--users", "1 2 3", "--seconds", "2", *FEW)
    with (
        serving(lambda _: Reply(seconds=0.01)) as url,
        started(tmp_path, "load", "--url", url, *arguments) as process,
    ):
        assert process.stderr is not None
        assert process.stderr.readline().startswith("closed loop, 1 users: ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    kept = result(tmp_path)
    assert kept.partial == "interrupted"
    assert len(kept.loads) == 1
    assert "1 users" in out


def test_no_gateway_there(tmp_path: Path) -> None:
    code, _, err = loadtest(tmp_path, "load", "--url", "http://127.0.0.1:1", "--loop", "closed")
    assert code == 1
    assert err.startswith("error: http://127.0.0.1:1/info cannot be reached")
    assert len(err.splitlines()) == 1


def test_the_key_is_sent_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = []
    with serving(lambda _: Reply(), key="s3cret") as url:
        arguments = ("--url", url, "--loop", "closed", "--users", "1", "--seconds", "0.5", *FEW)
        for key in ("s3cret", "wrong-s3cret", "", "s3cret\nx"):
            monkeypatch.setenv("LOADTEST_API_KEY", key)
            code, out, err = loadtest(tmp_path, "load", *arguments)
            assert "s3cret" not in out + err
            outcomes.append((code, err.splitlines()[-1]))
    (right, _), wrong, missing, broken = outcomes
    assert right == 0
    assert result(tmp_path).loads[0].failures == {}
    asks = f"error: {url}/info asks for an API key: set LOADTEST_API_KEY"
    assert wrong == missing == (1, asks)
    assert broken[0] == 1
    assert broken[1].startswith("error: LOADTEST_API_KEY: the API key has a character")


def test_many_questions_in_one_request_by_hand(tmp_path: Path) -> None:
    with serving(lambda _: Reply()) as url:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "-u", "1"),
                *("--host", url, "-t", "5", "--results", str(tmp_path), *FEW, "BatchUser"),
            ],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    assert done.returncode == 0, done.stderr
    (row,) = result(tmp_path).loads
    assert (row.route, row.failures, row.wrong) == ("/answers", {}, 0)
    assert len(row.latencies) % 16 == 0
    assert row.latencies


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dataset", "nowhere.json"), "the questions cannot be read: nowhere.json"),
        (("--users", "1 2.5"), "--users '1 2.5'"),
        (("--rates", "0"), "--rates '0': give numbers above 0"),
        (("--url", "http://127.0.0.1:1", "--model", "electra_qa_onnx_fp32"), "not both"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = loadtest(tmp_path, "load", *arguments)
    assert code == 1
    assert err.startswith("error: ")
    assert said in err
    assert len(err.splitlines()) == 1
