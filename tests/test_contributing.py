"""What CONTRIBUTING.md, CI and the hook name exists, and all files agree on the version."""

import re
import tomllib
from importlib.util import find_spec

import pytest
import yaml

from tests.conftest import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
PATHS = sorted(set(re.findall(r"`([\w.-]*/[\w./-]*)`", PAGE)))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSION = PROJECT["project"]["version"]
# files that repeat the version of pyproject.toml, which owns it
VERSIONS = {
    "Dockerfile.triton": r"ARG VERSION=(\S+)",
    "serving/Dockerfile": r"ARG VERSION=(\S+)",
    "deploy/compose.yaml": r"electra-qa-\w+:(\d+\.\d+\.\d+)",
    "deploy/helm/electra-qa/Chart.yaml": r"^(?:version|appVersion): (\S+)",
    "deploy/kserve/inferenceservice.yaml": r"electra-qa-\w+:(\d+\.\d+\.\d+)",
    "docs/deploy.md": r"electra[-_]qa[-_]\w+[:-](\d+\.\d+\.\d+)",
    "docs/openapi.json": r'^    "version": "(.*)"',
    "tests/deploy/compose.yaml": r"electra-qa-\w+:(\d+\.\d+\.\d+)",
    "tests/deploy/images.py": r"electra-qa-\w+:(\d+\.\d+\.\d+)",
    "tests/deploy/test_images.py": r'(?:version|triton)": "([\d.]+)"',
}


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_command_is_there() -> None:
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = set(re.findall(r"(?:^|`)make ([a-z-]+)", PAGE, re.MULTILINE))
    assert {"setup", "check", "test"} <= used <= verbs
    for module in re.findall(r"python -m ([\w.]+)", PAGE):
        assert find_spec(module), module


def test_the_picture_has_every_package() -> None:
    (picture,) = re.findall(r"\n\n```\n(.*?)```", PAGE, re.DOTALL)
    find = PROJECT["tool"]["setuptools"]["packages"]["find"]
    packages = {pattern.removesuffix("*") for pattern in find["include"]}
    assert set(re.findall("[a-z]+", picture)) == packages
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == packages


@pytest.mark.parametrize("name", VERSIONS)
def test_one_version(name: str) -> None:
    found = re.findall(VERSIONS[name], (ROOT / name).read_text(), re.MULTILINE)
    assert set(found) == {VERSION}


def test_ci_calls_its_script_and_nothing_else() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    for job in workflow["jobs"].values():
        assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


def test_the_hook_is_the_check() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [hook["entry"] for repo in hooks["repos"] for hook in repo["hooks"]] == ["make check"]
