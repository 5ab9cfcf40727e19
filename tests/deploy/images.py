"""The images of the tests: stand-ins for those of a registry, and ours on top of them.

The stand-ins have the names that Dockerfile.triton, serving/Dockerfile and compose.yaml use, so no
registry is asked. They are Debian: the one for NVIDIA's image has the tritonserver of
nvidia-pytriton, which has neither native backends nor GPUs nor NVIDIA's entrypoint.
"""

import os
import shutil
import subprocess
from pathlib import Path

from embedded.layout import pytriton
from tests.conftest import ROOT
from tests.deploy.engine import Engine

PYTHON = "python:3.11-slim-bookworm"
NVIDIA = "nvcr.io/nvidia/tritonserver:25.02-py3"
PROMETHEUS = "prom/prometheus:v2.53.3"
HAPROXY = "haproxy:2.6"
GATEWAY = "electra-qa-gateway:0.1.0"
TRITON = "electra-qa-triton:0.1.0"

LABELS = (
    *("--build-arg", "SOURCE=https://example.org/electra-qa-triton"),
    *("--build-arg", "REVISION=0123abc"),
)
BASE_PACKAGES = "ca-certificates curl libpython3.11 python3 python3-numpy python3-pip python3-venv"

NVIDIA_STAND_IN = """
FROM python:3.11-slim-bookworm
RUN useradd --uid 1000 --user-group triton-server
COPY tritonserver /opt/tritonserver
COPY libraries /opt/tritonserver/lib
ENV PATH=/opt/tritonserver/bin:${PATH} LD_LIBRARY_PATH=/opt/tritonserver/lib
WORKDIR /opt/tritonserver
COPY --chmod=755 entrypoint.sh /opt/nvidia/nvidia_entrypoint.sh
ENTRYPOINT ["/opt/nvidia/nvidia_entrypoint.sh"]
"""
ENTRYPOINT = '#!/bin/sh\necho "the stand-in\'s entrypoint"\nexec "$@"\n'

PROMETHEUS_STAND_IN = """
FROM python:3.11-slim-bookworm
COPY prometheus /bin/prometheus
RUN mkdir -p /prometheus /etc/prometheus && chown 65534:65534 /prometheus
USER 65534:65534
WORKDIR /prometheus
ENTRYPOINT ["/bin/prometheus"]
"""

HAPROXY_STAND_IN = """
FROM python:3.11-slim-bookworm
RUN apt-get update -q && apt-get install -qy --no-install-recommends haproxy
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
"""


def build_all(engine: Engine, folder: Path) -> None:
    """Make the stand-ins that are missing, and build our images in any case."""
    have = engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    if PYTHON not in have:
        make_base(engine, folder)
    if NVIDIA not in have:
        make_nvidia(engine, folder)
    if PROMETHEUS not in have:
        make_prometheus(engine, folder)
    build_gateway(engine, folder)
    build_triton(engine, folder)


def make_base(engine: Engine, folder: Path) -> None:
    archive = folder / "base.tar"
    engine.run(
        *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE_PACKAGES}"),
        *("bookworm", archive),
    )
    engine.docker("import", "-c", 'CMD ["python3"]', archive, PYTHON)
    archive.unlink()


def make_nvidia(engine: Engine, folder: Path) -> None:
    context = _fresh(folder / "nvidia")
    server = pytriton() / "tritonserver"
    (context / "tritonserver").mkdir()
    for part in ("bin", "lib"):
        if (server / part).exists():
            shutil.copytree(server / part, context / "tritonserver" / part)
    python = context / "tritonserver" / "backends" / "python"
    shutil.copytree(server / "backends" / "python", python)
    shutil.copy2(server / "python_backend_stubs/3.11/triton_python_backend_stub", python)
    shutil.copytree(pytriton().parent / "nvidia_pytriton.libs", context / "libraries")
    (context / "entrypoint.sh").write_text(ENTRYPOINT)
    _build(engine, context, NVIDIA_STAND_IN, NVIDIA)


def make_prometheus(engine: Engine, folder: Path) -> None:
    context = _fresh(folder / "prometheus")
    shutil.copy2(engine.programs / "usr/bin/prometheus", context)
    _build(engine, context, PROMETHEUS_STAND_IN, PROMETHEUS)


def make_haproxy(engine: Engine, folder: Path) -> None:
    if HAPROXY not in engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split():
        _build(engine, _fresh(folder / "haproxy"), HAPROXY_STAND_IN, HAPROXY)


def build_gateway(engine: Engine, folder: Path) -> None:
    engine.docker(
        *("build", "--network", "host", *secrets(folder)),
        *LABELS,
        *("-f", str(ROOT / "serving/Dockerfile"), "-t", GATEWAY, str(ROOT)),
    )


def build_triton(engine: Engine, folder: Path) -> None:
    engine.docker(
        *("build", "--network", "host", *secrets(folder)),
        *LABELS,
        *("--build-arg", "BACKENDS=openvino onnxruntime"),  # the stand-in has none of its own
        *("-f", str(ROOT / "Dockerfile.triton"), "-t", TRITON, str(ROOT)),
    )


def secrets(folder: Path) -> list[str]:
    """Give the build, and only it, this machine's settings and certificates of pip."""
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    listed = subprocess.run(["pip", "config", "list"], capture_output=True, text=True).stdout
    lines = [line for line in listed.splitlines() if line.startswith("global.index-url")]
    settings = [line.partition(".")[2].replace("'", "") for line in lines]
    found = []
    if certificates:
        settings.append("cert = /run/secrets/ca")
        found += ["--secret", f"id=ca,src={certificates}"]
    if settings:
        file = folder / "pip.conf"
        file.write_text("\n".join(["[global]", *settings, ""]))
        found += ["--secret", f"id=pip,src={file}"]
    return found


def _build(engine: Engine, context: Path, dockerfile: str, tag: str) -> None:
    (context / "Dockerfile").write_text(dockerfile)
    engine.docker("build", "--network", "host", "-t", tag, context)
    shutil.rmtree(context)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
