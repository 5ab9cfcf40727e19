"""deploy/compose.yaml, brought up with the tests' own Docker Engine, and asked."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import ROOT
from tests.deploy.engine import Engine
from tests.e2e.stack import NO_CERTIFICATES, wait_for
from tests.ports import free_ports

FILES = ("deploy/compose.yaml", "tests/deploy/compose.yaml")
SERVICES = ("triton-cpu", "gateway", "prometheus", "gpu-metrics")
MODEL = "electra_qa_onnx_int8"
ALERT_SECONDS = 180

GPU_METRICS = """\
nv_gpu_utilization{{gpu_uuid="GPU-1"}} 0.5
nv_gpu_memory_total_bytes{{gpu_uuid="GPU-1"}} 100
nv_gpu_memory_used_bytes{{gpu_uuid="GPU-1"}} {used}
"""
GPU_SCRAPE = """\
scrape_configs:
  - job_name: gpu
    static_configs: [{targets: ["gpu-metrics:8002"]}]
"""


@dataclass(frozen=True)
class Deployment:
    """The stack, where it listens, and the folder of what it mounts."""

    engine: Engine
    settings: dict[str, str]
    files: Sequence[str]
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['ELECTRA_QA_PORT']}"

    def compose(self, *arguments: str, check: bool = True) -> str:
        files = [part for file in self.files for part in ("-f", str(ROOT / file))]
        return self.engine.docker("compose", *files, *arguments, check=check, **self.settings)

    def containers(self) -> list[str]:
        return self.compose("ps", "--quiet").split()

    def container(self, service: str) -> str:
        return self.compose("ps", "--all", "--quiet", service).strip()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return what Prometheus finds now."""
        found = self._prometheus("query", query=expression)["result"]
        assert isinstance(found, list)
        return found

    def firing(self) -> set[str]:
        alerts = self._prometheus("alerts")["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def wait_until_firing(self, *names: str) -> None:
        wait_for(lambda: set(names) <= self.firing(), ALERT_SECONDS)

    def wait_until_quiet(self, *names: str) -> None:
        wait_for(lambda: not set(names) & self.firing(), ALERT_SECONDS)

    def set_gpu_memory(self, used: int) -> None:
        (self.folder / "gpu" / "metrics").write_text(GPU_METRICS.format(used=used))

    def wait_until_answering(self) -> None:
        body = {"question": "Who came?", "context": "Ada came."}
        wait_for(lambda: self._succeeds("POST", "/answer", json=body))

    def wait_until_ready(self) -> None:
        """Return when the gateway is ready, without a question from which it learns a rate."""
        wait_for(lambda: self._succeeds("GET", "/health/ready"))

    def _succeeds(self, method: str, path: str, **options: Any) -> bool:
        url = f"{self.url}{path}"
        try:
            reply = httpx.request(method, url, timeout=30, verify=NO_CERTIFICATES, **options)
        except httpx.TransportError:
            return False
        return reply.status_code == 200

    def _prometheus(self, path: str, **parameters: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.settings['PROMETHEUS_PORT']}/api/v1/{path}"
        reply = httpx.get(url, params=parameters, timeout=10, verify=NO_CERTIFICATES)
        assert reply.status_code == 200, reply.text
        data = reply.json()["data"]
        assert isinstance(data, dict)
        return data


@contextmanager
def deployed(
    engine: Engine,
    repository: Path,
    folder: Path,
    models: str = f"{MODEL},electra_qa_openvino_int8",
    files: Sequence[str] = FILES,
    services: Sequence[str] = SERVICES,
    **more: str,
) -> Iterator[Deployment]:
    """Bring the stack up until the block is left; it must come up healthy."""
    port, prometheus_port = free_ports(2)
    settings = {
        "COMPOSE_PROFILES": "cpu",
        "ELECTRA_QA_MODEL": models.split(",")[0],
        "ELECTRA_QA_MODELS": models,
        "ELECTRA_QA_MODEL_REPOSITORY": str(repository),
        "ELECTRA_QA_PORT": str(port),
        "PROMETHEUS_PORT": str(prometheus_port),
        "PROMETHEUS_CONFIG": str(_quickened(folder / "monitoring")),
        "GPU_METRICS": str(folder / "gpu"),
        **more,
    }
    deployment = Deployment(engine, settings, files, folder)
    (folder / "gpu").mkdir(exist_ok=True)
    deployment.set_gpu_memory(50)
    try:
        try:
            deployment.compose("up", "--detach", "--wait", *services)
        except AssertionError as error:
            logs = deployment.compose("logs", "--tail", "40", check=False)
            raise AssertionError(f"{error}\n{logs}") from error
        yield deployment
    finally:
        deployment.compose("down", "--volumes", "--timeout", "10", check=False)


def _quickened(folder: Path) -> Path:
    """Copy what Prometheus reads, with minutes made seconds, and the GPU's series scraped too."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "scrape.d").mkdir(parents=True)
    (folder / "scrape.d" / "gpu.yaml").write_text(GPU_SCRAPE)
    for source in (ROOT / "deploy" / "prometheus").glob("*.yaml"):
        (folder / source.name).write_text(quickened(source.read_text()))
    return folder


def quickened(text: str) -> str:
    """Shorten all times of a configuration or a query to those of a test."""
    replaced: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
        (r"(?<=_interval: )\d+s", "1s"),
        (r"(?<=for: )\d+m", "1s"),
        (r"\[5m\]|\[\$__rate_interval\]", "[10s]"),
        (r"\[15m\]|\[\$__range\]", "[2m]"),
    )
    for pattern, by in replaced:
        text = re.sub(pattern, by, text)
    return text
