"""MLPerf's rules: LoadGen's summary read, our verdict, and LoadGen itself on a real Triton."""

from pathlib import Path

import pytest

from loadtest.mlperf import OFFICIAL_SECONDS, OFFICIAL_WINDOWS, parse_summary, unofficial, verdict
from tests.loadtest.command import loadtest, result

pytestmark = pytest.mark.thorough

SUMMARY = """\
================================================
MLPerf Results Summary
================================================
Scenario : Server
Completed samples per second    : 2.31
Result is : INVALID
  Early stopping satisfied: NO
Recommendations:
 * Reduce target QPS to improve latency.
Early Stopping Result:
 * Would need to run at least : 3
99.00 percentile latency (ns)   : 1669268348

No warnings encountered during test.
"""


def test_the_summary_by_what_each_line_is_of() -> None:
    assert parse_summary(SUMMARY) == {
        "Scenario": "Server",
        "Completed samples per second": "2.31",
        "Result is": "INVALID",
        "Early stopping satisfied": "NO",
        "Would need to run at least": "3",
        "99.00 percentile latency (ns)": "1669268348",
    }


def test_a_server_run_holds_when_its_99th_percentile_does() -> None:
    good, bad = [130.0] * 99 + [500.0], [130.0] * 98 + [131.0, 500.0]
    assert verdict("Server", good, elapsed=10, least_seconds=10)
    assert not verdict("Server", bad, elapsed=10, least_seconds=10)
    assert verdict("SingleStream", bad, elapsed=10, least_seconds=10)


@pytest.mark.parametrize("scenario", ["SingleStream", "Offline", "Server"])
def test_no_run_holds_that_ended_too_early_or_without_an_answer(scenario: str) -> None:
    assert not verdict(scenario, [1.0], elapsed=9.9, least_seconds=10)  # type: ignore[arg-type]
    assert not verdict(scenario, [], elapsed=10, least_seconds=10)  # type: ignore[arg-type]


def test_what_is_short_of_mlperf_is_said() -> None:
    assert unofficial(OFFICIAL_SECONDS, OFFICIAL_WINDOWS) is None
    assert unofficial(60, OFFICIAL_WINDOWS) == "not an official run: 60 s instead of 600"
    assert "205 windows instead of 10,833" in str(unofficial(OFFICIAL_SECONDS, 205))


def test_loadgen_agrees_with_our_own_samples(repository: Path, tmp_path: Path) -> None:
    code, out, err = loadtest(
        tmp_path,
        *("loadgen", "--variant", "onnx_int8", "--repository", str(repository)),
        *("--seconds", "1", "--target", "2"),
    )
    assert code == 0, err
    single, offline, server = result(tmp_path).loadgen
    assert [single.scenario, offline.scenario, server.scenario] == [
        *("SingleStream", "Offline", "Server")
    ]
    theirs = float(single.summary["Mean latency (ns)"]) / 1e6
    assert sum(single.latencies) / len(single.latencies) == pytest.approx(theirs, rel=0.05, abs=1)
    rate = float(offline.summary["Samples per second"])
    assert len(offline.latencies) / offline.seconds == pytest.approx(rate, rel=0.05)
    assert float(server.summary["target_qps"]) == pytest.approx(2)
    assert int(server.summary["target_latency (ns)"]) == 130_000_000
    assert "not an official run: 1 s instead of 600 and 205 windows instead of 10,833" in out


def test_a_dataset_that_is_missing_is_one_line(repository: Path, tmp_path: Path) -> None:
    code, _, err = loadtest(
        tmp_path, "loadgen", "--repository", str(repository), "--dataset", "no.json"
    )
    assert code == 1
    assert err.startswith("error: ")
    assert "no.json" in err
    assert len(err.strip().splitlines()) == 1
