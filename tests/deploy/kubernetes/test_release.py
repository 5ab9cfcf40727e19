"""The commands of the chart's pods, run as the manifests say, on the real gateway and Triton."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded.layout import lay_out, pytriton
from embedded.ports import Ports, free_ports
from embedded.preflight import find_libpython
from embedded.server import EmbeddedTriton, run_triton
from tests.certificate import self_signed
from tests.conftest import ROOT
from tests.deploy.kubernetes.chart import EXAMPLES, environment, find, pod_of, render
from tests.deploy.kubernetes.tools import tool
from tests.e2e.stack import listens, start, wait_for, wait_until_ready

pytestmark = [pytest.mark.deploy, pytest.mark.usefixtures("tools")]

MODEL = "electra_qa_onnx_int8"
START_SECONDS = 120


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the example's Secret: a self-signed certificate for qa.example.com."""
    folder = tmp_path_factory.mktemp("tls")
    cert, _ = self_signed(folder, "DNS:qa.example.com")
    shutil.copy(cert, folder / "ca.crt")
    return folder


def helm_test(port: int, folder: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run the pod of `helm test` as a process: its command, its environment."""
    pod = find(render([EXAMPLES["tls-and-keys"]]), "Pod", "electra-qa-ask")["spec"]
    (container,) = pod["containers"]
    has = environment(container)
    assert has["URL"] == "https://electra-qa-gateway.qa.svc:443"
    assert has["API_KEY"]["secretKeyRef"]["name"] == "electra-qa-monitoring-key"
    settings = {
        "URL": f"https://127.0.0.1:{port}",
        "API_KEY": "one",
        "TLS_CA": has["TLS_CA"].replace("/tls", str(folder)),
        "TLS_SERVER_NAME": has["TLS_SERVER_NAME"],
        **changed,
    }
    assert container["command"] == ["python3", "-c"]
    return subprocess.run(
        [sys.executable, "-c", *container["args"]],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_helm_test_asks_a_question(served: Path, certificate: Path, tmp_path: Path) -> None:
    tls = {
        "ELECTRA_QA_TLS_CERT": str(certificate / "tls.crt"),
        "ELECTRA_QA_TLS_KEY": str(certificate / "tls.key"),
    }
    stack = start(served, tmp_path, ELECTRA_QA_MODEL=MODEL, ELECTRA_QA_API_KEYS="one,two", **tls)
    try:
        done = helm_test(stack.port, certificate)
        assert done.returncode == 0, done.stdout + done.stderr
        assert '"answer":"William the Conqueror"' in done.stdout
        refused = helm_test(stack.port, certificate, API_KEY="three")
        assert refused.returncode == 1
        assert refused.stdout.startswith("401 ")
    finally:
        stack.stop()


@pytest.fixture
def ports() -> Ports:
    return free_ports()


@pytest.fixture
def triton(served: Path, ports: Ports) -> Iterator[EmbeddedTriton]:
    with run_triton(served, [MODEL], ports, start_seconds=START_SECONDS, grace_seconds=5) as triton:
        yield triton


def test_liveness_sees_a_dead_stub(triton: EmbeddedTriton, ports: Ports) -> None:
    """Triton itself still says that it is ready."""
    manifests = render([EXAMPLES["laptop-cpu"]], f'model="{MODEL}"')
    (container,) = pod_of(manifests, "electra-qa-triton")["containers"]
    command = container["livenessProbe"]["exec"]["command"]
    window = find(manifests, "ConfigMap", "electra-qa-triton-probe")["data"]["window.json"]
    (triton.log.parent / "window.json").write_text(window)
    here = [
        part.replace("/probe", str(triton.log.parent)).replace(":8000", f":{ports.http}")
        for part in command
    ]

    def probe() -> subprocess.CompletedProcess[str]:
        return subprocess.run(here, capture_output=True, text=True, timeout=60)

    well = probe()
    assert well.returncode == 0, well.stderr
    os.kill(stub_of(triton), signal.SIGKILL)
    dead = probe()
    assert dead.returncode != 0
    ready = ["curl", "--fail", "--silent", f"http://127.0.0.1:{ports.http}/v2/health/ready"]
    assert subprocess.run(ready).returncode == 0


def stub_of(triton: EmbeddedTriton) -> int:
    """The process of the Python-based backend: a child of the server's."""
    children = Path(f"/proc/{triton.process.pid}/task").glob("*/children")
    (pid,) = {int(each) for path in children for each in path.read_text().split()}
    return pid


@contextmanager
def s3(port: int) -> Iterator[None]:
    """A server that speaks S3."""
    process = subprocess.Popen(
        [tool("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def is_up() -> bool:
        assert process.poll() is None
        return listens(port)

    try:
        wait_for(is_up, START_SECONDS)
        yield
    finally:
        process.terminate()
        process.wait()


UPLOAD = """
import sys
from pathlib import Path
import boto3
url, bucket, repository, model = sys.argv[1:]
client = boto3.client("s3", endpoint_url=url)
client.create_bucket(
    Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
)
for path in sorted(Path(repository, model).rglob("*")):
    if path.is_file():
        client.upload_file(str(path), bucket, f"electra-qa/{path.relative_to(repository)}")
"""


def test_models_from_s3(served: Path, ports: Ports, tmp_path: Path) -> None:
    """The chart's command and environment of Triton, with keys, beside a server that speaks S3."""
    s3_port = free_ports().http
    url = f"http://127.0.0.1:{s3_port}"
    values = [
        f'triton.modelRepository.s3.url="s3://{url}/models/electra-qa"',
        'triton.modelRepository.s3.existingSecret="models"',
    ]
    (container,) = pod_of(render([EXAMPLES["s3"]], *values), "electra-qa-triton")["containers"]
    has = environment(container)
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert {name for name, value in has.items() if isinstance(value, dict)} == set(keys)
    settings = {**os.environ, **has, **keys, **server_environment(tmp_path)}
    upload = [tool("python"), "-c", UPLOAD, url, "models", str(served), MODEL]
    with s3(s3_port):
        subprocess.run(upload, env=settings, check=True)
        command = [str(ROOT / "deploy/triton" / container["args"][0]), *container["args"][1:]]
        command += [f"--backend-directory={tmp_path / 'backends'}", f"--http-port={ports.http}"]
        command += [f"--grpc-port={ports.grpc}", f"--metrics-port={ports.metrics}"]
        log = tmp_path / "triton.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=settings, stdout=output, stderr=output)
        try:
            gateway = start(
                served,
                tmp_path,
                ELECTRA_QA_MODEL=MODEL,
                ELECTRA_QA_TRITON_URL=f"127.0.0.1:{ports.grpc}",
            )
            try:
                wait_until_ready(gateway)  # a question was answered
            except AssertionError as error:
                raise AssertionError(log.read_text()[-3000:]) from error
            finally:
                gateway.stop()
        finally:
            process.terminate()
            process.wait(60)


def server_environment(folder: Path) -> dict[str, str]:
    """Lay out the backends in ``folder``; return the variables that find the package's server."""
    lay_out(folder, ROOT / "model_repository", [])
    server = pytriton() / "tritonserver"
    libraries = (pytriton().parent / "nvidia_pytriton.libs", find_libpython())
    return {
        "PATH": f"{server / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        "TMPDIR": str(folder),
    }
