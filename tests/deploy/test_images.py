"""What is in the two images, and what is not; built on stand-ins (tests/deploy/images.py)."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.deploy.conftest import FOLDER
from tests.deploy.engine import Engine
from tests.deploy.images import GATEWAY, NVIDIA, PYTHON, TRITON, secrets
from tests.e2e.stack import wait_for

pytestmark = pytest.mark.deploy

LARGEST_BYTES = 200e6
DOCKERFILES = ("Dockerfile.triton", "serving/Dockerfile")
LOCKED = ("--network=none", "--read-only", "--cap-drop=ALL", "--tmpfs=/tmp")
LABELS = {
    "org.opencontainers.image.source": "https://example.org/electra-qa-triton",
    "org.opencontainers.image.revision": "0123abc",
    "org.opencontainers.image.version": "0.1.0",
    "org.opencontainers.image.licenses": "Apache-2.0",
}


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_hadolint_finds_nothing(dockerfile: str) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, "--no-color", ROOT / dockerfile], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_the_locks_are_those_of_the_environment() -> None:
    main = pins(ROOT / "requirements.lock")
    for lock in ("serving/requirements.lock", "embedded/backends/requirements.lock"):
        assert pins(ROOT / lock).items() <= main.items()


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[.*?\])?==(\S+)", lock.read_text(), re.MULTILINE))


@pytest.fixture(scope="module")
def contents(images: Engine) -> dict[str, Any]:
    script = (ROOT / "tests/deploy/imports.py").read_text()
    said = images.docker(
        *("run", "--rm", "--network", "none", "--read-only", "--entrypoint", "python3", GATEWAY),
        *("-c", script),
    )
    found = json.loads(said)
    assert isinstance(found, dict)
    return found


def test_the_gateway_is_small_and_imports_all_of_itself(contents: dict[str, Any]) -> None:
    assert contents["bytes"] < LARGEST_BYTES
    modules = {path.stem for path in (ROOT / "serving").glob("[a-z]*.py")}
    assert {f"serving.{name}" for name in modules} <= set(contents["imported"])


def test_the_gateway_has_its_lock_and_nothing_else(contents: dict[str, Any]) -> None:
    installed = normalized(contents["installed"])
    ours = {"electra-qa-triton": "0.1.0"}
    assert installed == pins(ROOT / "serving/requirements.lock") | ours
    assert not {"tests", "export", "training", "tensorflow", "torch", "pytriton"} & set(
        contents["folders"]
    )


def test_the_bill_of_materials_is_what_is_installed(
    images: Engine, contents: dict[str, Any]
) -> None:
    said = images.docker(
        *("run", "--rm", "--network", "none", "--entrypoint", "cat", GATEWAY),
        "/opt/gateway/sbom.cdx.json",
    )
    listed = {each["name"]: each["version"] for each in json.loads(said)["components"]}
    assert normalized(listed) == normalized(contents["installed"])


def normalized(versions: dict[str, str]) -> dict[str, str]:
    """With the names as the package index writes them."""
    return {re.sub(r"[._-]+", "-", name).lower(): each for name, each in versions.items()}


@pytest.mark.parametrize(("image", "user"), [(GATEWAY, "10001:10001"), (TRITON, "1000:1000")])
def test_an_image_is_labelled_and_run_by_a_user(images: Engine, image: str, user: str) -> None:
    config = images.inspect(image)["Config"]
    assert config["User"] == user
    assert config["Healthcheck"]["Test"]
    assert LABELS.items() <= config["Labels"].items()


def test_nvidias_entrypoint_is_kept(images: Engine) -> None:
    ours, theirs = images.inspect(TRITON)["Config"], images.inspect(NVIDIA)["Config"]
    assert ours["Entrypoint"] == theirs["Entrypoint"]
    assert ours["Cmd"] == ["serve-models"]


@pytest.mark.parametrize(("image", "base"), [(GATEWAY, PYTHON), (TRITON, NVIDIA)])
def test_no_secret_and_no_path_of_this_machine_is_in_a_layer(
    images: Engine, image: str, base: str
) -> None:
    needles = {"this checkout": str(ROOT).encode()}
    if certificates := os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE"):
        needles["the certificates"] = Path(certificates).read_bytes()[-600:]
    index = subprocess.run(
        ["pip", "config", "get", "global.index-url"], capture_output=True, text=True
    )
    if index.returncode == 0:
        needles["the package index"] = index.stdout.strip().encode()
    found = 0
    for name, content in files(images, image, base):
        found += 1
        assert not name.startswith(("run/secrets", "root/")), name
        assert Path(name).name not in ("pip.conf", ".env"), name
        for what, needle in needles.items():
            assert needle not in content, f"{name} holds {what}"
    assert found > 100  # or the layers were not read
    history = images.docker("history", "--no-trunc", image)
    assert str(ROOT) not in history


def test_triton_without_our_backends(images: Engine) -> None:
    tag = f"{TRITON}-native"
    images.docker(
        *("build", "--network", "host", "--build-arg", "BACKENDS="),
        *("-f", str(ROOT / "Dockerfile.triton"), "-t", tag, str(ROOT)),
    )
    said = images.docker(
        *("run", "--rm", "--network", "none", "--entrypoint", "ls", tag),
        "/opt/tritonserver/backends",
    )
    assert said.split() == ["python"]


def test_models_can_be_baked_in(images: Engine, served: Path) -> None:
    context = FOLDER / "context"
    shutil.rmtree(context, ignore_errors=True)
    context.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", ".dockerignore"):
        shutil.copy2(ROOT / name, context)
    for name in ("qa", "embedded", "serving", "deploy/triton"):
        shutil.copytree(ROOT / name, context / name)
    variant = "electra_qa_onnx_int8"
    shutil.copytree(served / variant, context / "model_repository" / variant)
    for name in ("tokenizer.json", "report.json"):
        shutil.copy2(served / name, context / "model_repository")
    for dockerfile, tag in (("Dockerfile.triton", TRITON), ("serving/Dockerfile", GATEWAY)):
        images.docker(
            *("build", "--network", "host", *secrets(FOLDER), "--target", "baked"),
            *("--build-arg", "BACKENDS=onnxruntime"),
            *("-f", str(ROOT / dockerfile), "-t", f"{tag}-baked", context),
        )
    shutil.rmtree(context)
    container = images.docker("run", "--detach", *LOCKED, f"{TRITON}-baked").strip()
    try:
        wait_for(lambda: health(images, container) == "healthy", 120)
    finally:
        images.docker("rm", "--force", container)
    said = images.docker(
        *("run", "--rm", "--network", "none", "--entrypoint", "ls", f"{GATEWAY}-baked", "/models")
    )
    assert said.split() == ["report.json", "tokenizer.json"]


def test_a_model_that_was_not_exported_is_refused_by_name(images: Engine, served: Path) -> None:
    said = images.docker(
        *("run", "--rm", *LOCKED),
        *("--volume", f"{served}:/models:ro", "--env", "ELECTRA_QA_MODELS=electra_qa_none", TRITON),
        check=False,
    )
    assert "no exported model 'electra_qa_none'; run make export" in said


def health(engine: Engine, container: str) -> str:
    state = engine.inspect(container)["State"]
    assert state["Running"], engine.docker("logs", container, check=False)
    return str(state["Health"]["Status"])


def files(engine: Engine, image: str, base: str) -> Iterator[tuple[str, bytes]]:
    """Yield the path and content of each file in the layers of ``image`` above ``base``."""
    kept = engine.inspect(image)["GraphDriver"]["Data"]
    layers = [Path(each) for each in (kept["UpperDir"], *kept["LowerDir"].split(":"))]
    theirs = len(engine.inspect(base)["RootFS"]["Layers"])
    for layer in layers[:-theirs]:  # the uppermost first
        for path in layer.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(layer).as_posix(), path.read_bytes()
