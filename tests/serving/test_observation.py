"""What any request leaves behind, answered or not: its id, its timings, its metrics."""

import re

import httpx
from prometheus_client.parser import text_string_to_metric_families

from serving.schema import EXAMPLE


def timings(response: httpx.Response) -> dict[str, float]:
    """The Server-Timing header, in ms."""
    found = re.findall(r"(\w+);dur=([\d.]+)(?:, |$)", response.headers["server-timing"])
    return {name: float(value) for name, value in found}


def samples(url: str) -> dict[tuple[str, ...], float]:
    """What /metrics says: values by name and labels."""
    response = httpx.get(f"{url}/metrics", timeout=60)
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_ids_are_taken_or_made(client: httpx.Client) -> None:
    taken = client.post("/answer", json=EXAMPLE, headers={"x-request-id": "mine-1"})
    assert taken.headers["x-request-id"] == "mine-1"
    made = {client.get("/health/live").headers["x-request-id"] for _ in range(5)}
    assert len(made) == 5
    for refused in (
        client.get("/nothing"),
        client.post("/answer", content=b"x" * 1_100_000),
        client.post("/answer", json={}),
    ):
        assert refused.status_code >= 400
        assert re.fullmatch("[0-9a-f]{32}", refused.headers["x-request-id"])
        assert set(timings(refused)) == {"total"}


def test_what_is_refused_early_has_its_route(client: httpx.Client, url: str) -> None:
    def refused(code: int, route: str) -> float:
        key = (f"code={code}", "method=POST", f"route={route}")
        return samples(url).get(("electra_qa_requests_total", *key), 0)

    before = refused(413, "/answer"), refused(404, "none")
    client.post("/answer", content=b"x" * 1_100_000)
    client.post("/nothing")
    assert (refused(413, "/answer"), refused(404, "none")) == (before[0] + 1, before[1] + 1)
