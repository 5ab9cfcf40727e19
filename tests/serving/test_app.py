"""The application as a whole: its OpenAPI document, and whose pages may ask it."""

import json

import httpx

from tests.conftest import ROOT
from tests.serving.server import gateway


def test_the_document_is_what_the_gateway_says(client: httpx.Client) -> None:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert client.get("/openapi.json").json() == document
    assert client.get("/docs").status_code == 200


def test_the_openapi_document_names_the_errors(client: httpx.Client) -> None:
    answer = client.get("/openapi.json").json()["paths"]["/answer"]["post"]
    assert set(answer["responses"]) == {
        *("200", "400", "401", "404", "408", "413", "415", "422", "429", "500", "503", "504")
    }


def test_only_the_origins_that_were_named_may_ask(client: httpx.Client) -> None:
    """A browser's preflight request has no key."""
    preflight = {"access-control-request-method": "POST", "origin": "https://page.example"}
    other = {**preflight, "origin": "https://other.example"}
    with gateway(api_keys="key", cors_origins="https://page.example") as url:
        allowed = httpx.options(f"{url}/answer", headers=preflight)
        assert allowed.headers["access-control-allow-origin"] == "https://page.example"
        assert "access-control-allow-origin" not in (
            httpx.options(f"{url}/answer", headers=other).headers
        )
    assert "access-control-allow-origin" not in client.options("/answer", headers=preflight).headers
