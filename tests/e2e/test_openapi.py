"""The OpenAPI document against the gateway that it describes."""

import copy
import json
from typing import Any

import httpx
import pytest

from embedded.selection import Choice
from tests.conftest import ROOT

DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text())


def example(schema: dict[str, Any]) -> Any:
    """The example of a schema, or of the first that it may be."""
    if "anyOf" in schema:
        return example(schema["anyOf"][0])
    return DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["examples"][0]


def json_of(part: dict[str, Any]) -> dict[str, Any]:
    schema = part["content"]["application/json"]["schema"]
    assert isinstance(schema, dict)
    return schema


@pytest.mark.parametrize("path", ["/answer", "/answers", "/", "/models/{model}"])
def test_the_examples_are_real(client: httpx.Client, choice: Choice, path: str) -> None:
    post = DOCUMENT["paths"][path]["post"]
    url = path.format(model=choice.model)
    reply = client.post(url, json=example(json_of(post["requestBody"])))
    assert reply.status_code == 200
    expected, got = copy.deepcopy(example(json_of(post["responses"]["200"]))), reply.json()
    for one, other in zip(
        expected.get("answers", [expected]), got.get("answers", [got]), strict=True
    ):
        # Hugging Face's default has fewer candidates; another CPU rounds int8 differently
        assert one.pop("score") == pytest.approx(other.pop("score"), abs=0.15)
        assert one == other
