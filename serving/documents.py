"""``python -m serving.documents``: write the pages of docs/ that are made from the code."""

import json
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from embedded.selection import Choice
from serving.app import create_app
from serving.environment import variable
from serving.settings import Settings

DOCS = Path("docs")


def settings_page() -> str:
    """Return docs/settings.md: every setting, its default, and what it does."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return "\n".join(
        [
            "# Settings",
            "",
            "Each setting is a flag of `python -m serving` (`--request-seconds 5`), an environment",
            "variable (`ELECTRA_QA_REQUEST_SECONDS=5`), or a line like that in the file that",
            "`ELECTRA_QA_SETTINGS_FILE` names. A flag overrides a variable, and a variable",
            "overrides the file. `make serve REQUEST_SECONDS=5` sets the variable. The gateway",
            "does not start if another name begins with `ELECTRA_QA_`, except for the variables",
            "that Kubernetes sets for a Service called electra-qa.",
            "",
            "| setting | default | |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _row(name: str, field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, bool):
        default = str(default).lower()
    shown = "" if default in (None, "") else f"`{default}`"
    return f"| `{variable(name)}` | {shown} | {field.description} |"


def openapi_document() -> str:
    """Return docs/openapi.json: the gateway's OpenAPI document."""
    app = create_app(Settings.model_construct(), [], Choice("", ""))
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


def pages() -> dict[str, str]:
    """Return the pages, by their file names in docs/."""
    return {"settings.md": settings_page(), "openapi.json": openapi_document()}


if __name__ == "__main__":
    for name, content in pages().items():
        (DOCS / name).write_text(content)
