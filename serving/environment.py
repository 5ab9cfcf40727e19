"""Which variables are settings: those with our prefix, of which none is ignored."""

import re
from collections.abc import Collection, Mapping

from pydantic_settings import SettingsError

PREFIX = "ELECTRA_QA_"
FILE = f"{PREFIX}SETTINGS_FILE"  # names a file of settings

# Kubernetes sets variables for each Service in a pod's namespace. Those of a Service called
# electra-qa have our prefix.
_SERVICE = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR))"
)
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://.*")  # its ELECTRA_QA_PORT; ours is a number


def variable(setting: str) -> str:
    """Return the name of the variable that gives ``setting``, a field's name."""
    return PREFIX + setting.upper()


def settings_in(
    environment: Mapping[str, str | None], settings: Collection[str]
) -> dict[str, str | None]:
    """Return the variables of ``environment`` that give ``settings``; names keep their case.

    Raises SettingsError for a name with our prefix that is neither one of these nor Kubernetes'.
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
    """Raise SettingsError if any of ``names``, found in ``where``, is no setting."""
    known = {variable(setting) for setting in settings}
    if unknown := [name.upper() for name in names if name.upper() not in known]:
        raise SettingsError(
            f"{', '.join(unknown)} in {where}: the gateway has no such setting; "
            "docs/settings.md lists what it has"
        )


def _is_of_a_service(name: str, value: str) -> bool:
    return bool(_SERVICE.fullmatch(name) or _SERVICE_URL.fullmatch(value))
