"""The wheel has every file that the packages need, and its commands run outside the checkout.

Each extra is installed into an empty environment, with the versions of requirements.lock. That
takes seconds, as uv links the files of its cache.
"""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.conftest import CHECKPOINT, ROOT
from tests.e2e.stack import START_SECONDS, is_up, wait_for
from tests.ports import free_ports

pytestmark = pytest.mark.deploy

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = set(PROJECT["project"]["optional-dependencies"])
UV = Path(sys.executable).with_name("uv")
# files beside the code that are of use in a checkout only
OF_THE_CHECKOUT = {
    "loadtest/baselines/requirements.txt",
    "serving/Dockerfile",
    "serving/requirements.lock",
    "serving/unused.txt",
    "training/README.md",
}
LOADTEST = (
    *("bench", "load", "slo", "web", "baseline", "versus", "loadgen", "report", "compare"),
    *("windows", "sessions", "capacity"),
)
# the commands of each extra that have a --help
COMMANDS = {
    "gateway": ("serving",),
    "otel": ("serving",),
    "embedded": (),
    "export": ("export", "export.refresh", "export.random_checkpoint"),
    "evaluation": ("evaluation",),
    "loadtest": ("loadtest", *(f"loadtest {each}" for each in LOADTEST)),
    "loadgen": ("loadtest loadgen",),
}
LEFT_OUT = {
    "gpu": "CUDA's libraries are several GB",
    "training": "torch is too large, and has no one build that fits all machines",
    "teacher": "torch, likewise",
    "parity": "torch, likewise",
    "dev": "its tools are for a checkout",
}
# the --help of each in one process, as most of their time is that of their imports
HELP = """
import runpy, sys
for command in sys.argv[1:]:
    module, *words = command.split()
    sys.argv[1:] = [*words, "--help"]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code:
            raise
"""
# commands that by default read a file of the checkout: the extra of each, and the option or
# argument that names another file
LACKING = {
    "serving": ("gateway", "--tokenizer"),
    "export": ("export", "CHECKPOINT"),
    "export.refresh": ("export", "CHECKPOINT"),
    "export.random_checkpoint small random": ("export", "--tokenizer"),
    "loadtest bench": ("loadtest", "--repository"),
    "loadtest load": ("loadtest", "--url"),  # slo, web and versus begin as it does
    "loadtest baseline": ("loadtest", "--python"),
    "loadtest windows windows.json": ("loadtest", "--repository"),
    "loadtest sessions --variants onnx_fp32": ("loadtest", "--repository"),
    "loadtest loadgen": ("loadgen", "--repository"),
}
Pythons = Callable[[str], Path]


def files() -> set[str]:
    """Return all files of the packages that git tracks, or would once they are added."""
    find = PROJECT["tool"]["setuptools"]["packages"]["find"]
    packages = (pattern.removesuffix("*") for pattern in find["include"])
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *packages],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


@pytest.fixture(scope="module")
def outside() -> Iterator[Path]:
    """A folder outside the checkout, in which everything runs."""
    with TemporaryDirectory(prefix="wheel-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def wheel(outside: Path) -> Path:
    """The wheel, built from a copy, as a build leaves files that the next one would include."""
    for name in (*files(), "pyproject.toml", "README.md", "LICENSE"):
        copy = outside / "source" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    command = (UV, "build", "--wheel", "--no-build-isolation", f"--python={sys.executable}")
    run(*command, f"--out-dir={outside}", outside / "source", folder=outside)
    (built,) = outside.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def pythons(wheel: Path, outside: Path) -> Pythons:
    """Return the Python of an environment that has one extra."""

    @cache
    def python(extra: str) -> Path:
        home = outside / extra
        made = home / "bin" / "python"
        run(UV, "venv", f"--python={sys.executable}", home, folder=outside)
        locked = f"--constraint={ROOT / 'requirements.lock'}"
        wanted = f"electra-qa-triton[{extra}] @ {wheel.as_uri()}"
        run(UV, "pip", "install", f"--python={made}", locked, wanted, folder=outside)
        return made

    return python


def run(*command: str | Path, folder: Path, codes: Container[int] = (0,)) -> str:
    """Run ``command``, which ends with one of ``codes``; return what it said."""
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode in codes, done
    return done.stdout + done.stderr


def environment() -> dict[str, str]:
    """Return the environment without what our commands and rich would take for an option."""
    kept = re.compile("PATH|HOME|LANG|TMPDIR|UV_.*|PIP_.*|SSL_.*")
    return {name: value for name, value in os.environ.items() if kept.fullmatch(name)}


def test_every_file_is_in_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {each for each in names if ".dist-info/" not in each} == files() - OF_THE_CHECKOUT


def test_every_extra_is_tried_or_left_out_by_name() -> None:
    assert COMMANDS.keys() | LEFT_OUT.keys() == EXTRAS


@pytest.mark.parametrize("extra", [each for each, commands in COMMANDS.items() if commands])
def test_help(extra: str, pythons: Pythons, outside: Path) -> None:
    said = run(pythons(extra), "-c", HELP, *COMMANDS[extra], folder=outside)
    usages = re.findall(r"^ ?usage: ", said, re.IGNORECASE | re.MULTILINE)
    assert len(usages) == len(COMMANDS[extra])


def test_help_of_all_commands_of_the_load_test(pythons: Pythons, outside: Path) -> None:
    said = run(pythons("loadtest"), "-m", "loadtest", "--help", folder=outside)
    assert set(re.findall(r"^│ (\w+) ", said, re.MULTILINE)) == set(LOADTEST)


@pytest.mark.parametrize("command", LACKING)
def test_what_is_lacking_outside_a_checkout(command: str, pythons: Pythons, outside: Path) -> None:
    extra, option = LACKING[command]
    said = run(pythons(extra), "-m", *command.split(), folder=outside, codes=(1, 2))
    assert option in said
    assert "Traceback" not in said


@pytest.mark.parametrize("extra", ["gateway", "otel"])
def test_a_gateway_says_that_there_is_no_triton(
    extra: str, pythons: Pythons, outside: Path
) -> None:
    (triton,) = free_ports(1)
    options = ("--model=electra_qa_onnx_fp32", f"--tokenizer={CHECKPOINT / 'tokenizer.json'}")
    with serving(pythons(extra), outside, f"--triton-url=127.0.0.1:{triton}", *options) as client:
        assert client.get("/health/live").json() == {"status": "live"}
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert "Triton does not answer" in ready.json()["error"]["message"]


def test_a_gateway_answers_with_a_triton_of_its_own(
    pythons: Pythons, outside: Path, served: Path
) -> None:
    ports = zip(("http", "grpc", "metrics"), free_ports(3), strict=True)
    options = (
        *(f"--model-repository={served}", "--model=electra_qa_onnx_int8"),
        *(f"--triton-{name}-port={port}" for name, port in ports),
        f"--triton-start-seconds={START_SECONDS}",
    )
    question = {"question": "Who crossed the sea?", "context": "William crossed the sea."}
    with serving(pythons("loadtest"), outside, *options) as client:
        assert client.post("/answer", json=question, timeout=60).json()["answer"] == "William"


@contextmanager
def serving(python: Path, folder: Path, *options: str) -> Iterator[httpx.Client]:
    """Serve until the block is left; yield a client once the gateway is live."""
    (port,) = free_ports(1)
    command = (str(python), "-m", "serving", f"--port={port}", *options)
    log = folder / "serving.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=folder, env=environment(), stderr=output) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):

        def live() -> bool:
            assert process.poll() is None, log.read_text()
            return is_up(f"http://127.0.0.1:{port}/health/live")

        try:
            wait_for(live)
            yield client
        finally:
            process.terminate()
    assert process.returncode == 0, log.read_text()


def test_traces_can_be_sent(pythons: Pythons, outside: Path) -> None:
    run(pythons("otel"), "-c", "import opentelemetry.exporter.otlp.proto.http", folder=outside)


def test_a_backend_is_installed_for_another_triton(pythons: Pythons, outside: Path) -> None:
    module = "embedded.install_backend"
    run(pythons("embedded"), "-m", module, "backends", "openvino", folder=outside)
    model = Path("embedded", "backends", "openvino", "model.py")
    installed = outside / "backends" / "openvino" / "packages" / model
    assert installed.read_bytes() == (ROOT / model).read_bytes()
