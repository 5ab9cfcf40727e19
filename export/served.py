"""A folder for any Triton's ``--model-repository``: the exported variants and nothing else.

The model repository holds the configs of all variants, and Triton does not start on a model that
has a config and no files. The folder takes no room of its own: its model files are hard links.
"""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from export.variants import CONFIG

SUFFIX = ".served"  # of the folder, behind the repository's name


def lay_out_served(repository: Path, models: Collection[str]) -> Path:
    """Return a folder with just ``models`` of ``repository``, made anew.

    Where the repository has no others, that is the repository itself.
    """
    folder = repository.with_name(repository.name + SUFFIX)
    shutil.rmtree(folder, ignore_errors=True)
    if {path.parent.name for path in repository.glob(f"*/{CONFIG}")} == set(models):
        return repository
    for model in models:
        shutil.copytree(repository / model, folder / model, copy_function=_link)
    return folder


def tritonserver_command(folder: Path) -> str:
    """Return the command by which a Triton serves what is in ``folder``."""
    return f"tritonserver --model-repository={folder.resolve()}"


def _link(source: str, target: str) -> None:
    """Link a model file, copy what its user may edit, or what lies on another file system."""
    if Path(source).name != CONFIG:
        try:
            os.link(source, target)
            return
        except OSError:
            pass  # no hard links here
    shutil.copy2(source, target)
