"""Which variables are settings: those of our prefix, none of which is ignored."""

import re
from collections.abc import Collection, Mapping

from pydantic_settings import SettingsError

PREFIX = "ELECTRA_QA_"
FILE = f"{PREFIX}SETTINGS_FILE"  # names the file of further ones

# Kubernetes tells each pod of every Service in its namespace: one called electra-qa has our prefix
_SERVICE = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR))"
)
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://.*")  # ELECTRA_QA_PORT, where that is not a number


def variable(setting: str) -> str:
    """Return the name of the variable that gives ``setting``, a field's name."""
    return PREFIX + setting.upper()


def settings_in(
    environment: Mapping[str, str | None], settings: Collection[str]
) -> dict[str, str | None]:
    """Return the variables of ``environment``, in its case, that are of ``settings``.

    Raises SettingsError for a name of our prefix that is neither one of these nor Kubernetes'.
    """
    ours = {
        name: value
        for name, value in environment.items()
        if name.upper().startswith(PREFIX) and name.upper() != FILE
        if not _is_of_a_service(name.upper(), value or "")
    }
    check_names(ours, settings, "the environment")
    return ours


def check_names(names: Collection[str], settings: Collection[str], where: str) -> None:
    """Raise SettingsError for those of ``names``, found ``where``, that are no settings."""
    known = {variable(setting) for setting in settings}
    if unknown := [name.upper() for name in names if name.upper() not in known]:
        raise SettingsError(
            f"{', '.join(unknown)} in {where}: the gateway has no such setting; "
            "docs/settings.md lists what it has"
        )


def _is_of_a_service(name: str, value: str) -> bool:
    return bool(_SERVICE.fullmatch(name) or _SERVICE_URL.fullmatch(value))
