"""The chart, rendered by Helm."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT
from tests.deploy.kubernetes.tools import run

CHART = ROOT / "deploy" / "helm" / "electra-qa"
EXAMPLES = {path.stem: path for path in sorted((ROOT / "deploy/helm/values").glob("*.yaml"))}
RELEASE, NAMESPACE = "electra-qa", "qa"

Manifest = dict[str, Any]


def template(values: Sequence[Path] = (), *sets: str, release: str = RELEASE) -> tuple[str, str]:
    """Return what Helm renders, and what it says when it will not."""
    chosen = [part for path in values for part in ("--values", path)]
    chosen += [part for each in sets for part in ("--set-json", each)]
    done = run("helm", "template", release, CHART, "--namespace", NAMESPACE, *chosen)
    return done.stdout, done.stderr


def render(values: Sequence[Path] = (), *sets: str, release: str = RELEASE) -> list[Manifest]:
    text, error = template(values, *sets, release=release)
    assert text, error
    return [each for each in yaml.safe_load_all(text) if each]


def find(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest:
    found = [
        each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name
    ]
    assert len(found) == 1, [(each["kind"], each["metadata"]["name"]) for each in manifests]
    return found[0]


def pod_of(manifests: Sequence[Manifest], name: str) -> Manifest:
    """The pod's specification of a Deployment."""
    spec: Manifest = find(manifests, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def environment(container: Manifest) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}
