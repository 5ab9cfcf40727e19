"""Traces, where the standard variables ask for them: Triton's spans are within the gateway's."""

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.proxy import DEAD
from tests.e2e.questions import ask
from tests.e2e.stack import running, wait_for

pytestmark = [pytest.mark.embedded, pytest.mark.thorough]

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"


@dataclass(frozen=True)
class Span:
    """What the tests look at, ids in hexadecimal."""

    name: str
    trace: str
    id: str
    parent: str


class Collector(ThreadingHTTPServer):
    """A collector: takes what is sent by OTLP over HTTP, in protobuf or JSON."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name and span.trace == TRACE]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers["content-encoding"] == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            self.server.spans += list(spans(body, self.headers["content-type"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def spans(body: bytes, content_type: str) -> Iterator[Span]:
    if content_type == "application/json":  # Triton's
        for resource in json.loads(body)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    parent = span.get("parentSpanId", "")
                    yield Span(span["name"], span["traceId"], span["spanId"], parent)
        return
    protocol = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    for resource in protocol.ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                ids = (span.trace_id, span.span_id, span.parent_span_id)
                yield Span(span.name, *(each.hex() for each in ids))


def within_gateways(collector: Collector) -> list[Span]:
    """Triton's spans whose parent is a span of the gateway."""
    gateways = {span.id for span in collector.named("POST /answer")}
    return [span for span in collector.named("InferRequest") if span.parent in gateways]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        serving = threading.Thread(target=collector.serve_forever)
        serving.start()
        yield collector
        collector.shutdown()
        serving.join()


def test_tritons_span_is_within_the_gateways(
    collector: Collector, repository: Path, tmp_path: Path
) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra otel")
    settings = {
        **DEAD,  # proxies, which must not be used for a collector on this machine
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with running(repository, tmp_path, **settings) as stack:
        headers = {"traceparent": TRACEPARENT}
        # more than once: Triton's exporter loses a few requests in a hundred
        wait_for(lambda: ask(stack, headers).is_success and bool(within_gateways(collector)))
    assert {span.parent for span in collector.named("POST /answer")} == {CALLER}
    assert {span.trace for span in collector.spans} == {TRACE}  # no probe is traced


def test_nothing_is_traced_unless_asked_for(
    collector: Collector, repository: Path, tmp_path: Path
) -> None:
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        "OTEL_TRACES_EXPORTER": "none",
    }
    with running(repository, tmp_path, **settings) as stack:
        headers = {"traceparent": TRACEPARENT}
        ask(stack, headers)
    assert collector.spans == []
