"""The paths that a command's option names: by flag one each, by environment variable as a list."""

from glob import glob
from pathlib import Path
from typing import Any


def listed(context: Any, option: Any, given: list[Path]) -> list[Path]:
    """Return the paths that were given, or those that the option's variable lists.

    This is a callback for typer, which not all that imports ``qa`` has: of its ``Context`` and
    ``CallbackParam``. Typer itself would divide the variable at colons.
    """
    if context.get_parameter_source(option.name).name != "ENVIRONMENT":
        return given
    paths = paths_in(option.resolve_envvar_value(context))
    if option.required and not paths:
        context.fail(f"{option.name} is blank; name one path at least")
    return paths


def paths_in(value: str) -> list[Path]:
    """Return the path that ``value`` is, or those that it lists with spaces between them.

    It is one path where that path exists. In a list, a pattern such as ``*.json`` stands for the
    files that it matches, sorted; one that matches none is returned as it is.
    """
    if Path(value).exists():
        return [Path(value)]
    return [
        Path(found)
        for word in value.split()
        for found in sorted(glob(word)) or [word]  # noqa: PTH207 - Path.glob takes no absolute one
    ]
