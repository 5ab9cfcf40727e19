"""Checks custom resources against the models of the projects that define them.

Run by the tools' own Python: FILE... Prints what is wrong, and exits with 1.
KServe's models are walked by their ``openapi_types``, and the operator's by their fields, because
both would accept an unknown name in silence.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import kserve.models
import kubernetes.client
import yaml
from cloudcoil.models.prometheus_operator import v1 as operator
from pydantic import BaseModel

SCALARS = {"str", "int", "float", "bool", "object", "datetime"}
# fields that the API takes either as a number or as text
LOOSE = {"IntstrIntOrString", "IntOrString", "ResourceQuantity"}


def by_openapi(value: Any, kind: str, where: str) -> Iterator[str]:
    """Say what in ``value`` is unknown to the OpenAPI model ``kind``, or of the wrong type."""
    if match := re.fullmatch(r"[Ll]ist\[(.+)\]", kind):
        if not isinstance(value, list):
            yield f"{where}: {value!r} is not a list"
            return
        for index, each in enumerate(value):
            yield from by_openapi(each, match[1], f"{where}[{index}]")
    elif match := re.fullmatch(r"(?:dict\(|Dict\[)str, (.+)[)\]]", kind):
        for name, each in value.items():
            yield from by_openapi(each, match[1], f"{where}.{name}")
    elif kind in SCALARS or kind in LOOSE:
        wanted = {"str": str, "int": int, "bool": bool}.get(kind)
        if wanted and type(value) is not wanted:
            yield f"{where}: {value!r} is not of type {kind}"
    else:
        model = getattr(kserve.models, kind, None) or getattr(kubernetes.client, kind, None)
        if model is None:
            yield f"{where}: there is no model {kind}"
            return
        fields = {json: model.openapi_types[name] for name, json in model.attribute_map.items()}
        for name, each in value.items():
            if name not in fields:
                yield f"{where}: unknown field {name!r}"
            else:
                yield from by_openapi(each, fields[name], f"{where}.{name}")


def by_pydantic(value: Any, model: Any, where: str) -> Iterator[str]:
    """Say what in ``value`` is unknown to the pydantic model; types were checked already."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from by_pydantic(each, model, f"{where}[{index}]")
        return
    found = _model(model)
    if found is None or not isinstance(value, dict):
        return
    fields = {field.alias or name: field.annotation for name, field in found.model_fields.items()}
    for name, each in value.items():
        if name not in fields:
            yield f"{where}: unknown field {name!r}"
        else:
            yield from by_pydantic(each, fields[name], f"{where}.{name}")


def _model(annotation: Any) -> type[BaseModel] | None:
    """Return the model in an annotation such as ``list[Endpoint] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for each in get_args(annotation):
        if found := _model(each):
            return found
    return None


def problems(manifest: dict[str, Any]) -> Iterator[str]:
    kind, where = manifest["kind"], f"{manifest['kind']} {manifest['metadata']['name']}"
    if kind == "InferenceService":
        yield from by_openapi(manifest, "V1beta1InferenceService", where)
    elif kind == "ServiceMonitor":
        operator.ServiceMonitor.model_validate(manifest)
        yield from by_pydantic(manifest, operator.ServiceMonitor, where)


def main() -> int:
    manifests = [
        each for path in sys.argv[1:] for each in yaml.safe_load_all(Path(path).read_text()) if each
    ]
    found = [problem for manifest in manifests for problem in problems(manifest)]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
