"""Folders for any Triton's ``--model-repository``: the exported variants, by what runs them.

A Triton does not start on a model that it cannot load, and the model repository has such models:
configs of variants that were not exported, and variants for a backend or a GPU that this Triton
does not have. So there is a folder for each backend, and one for variants that need a GPU. They
take no extra space: their model files are hard links.
"""

import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from export.variants import CONFIG, VARIANTS, Variant

SUFFIX = ".served"  # after the repository's name: the folder that holds these folders


def lay_out_served(repository: Path, models: Collection[str]) -> list[Path]:
    """Lay out the folders for ``models`` of ``repository`` anew, and return them."""
    served = repository.with_name(repository.name + SUFFIX)
    shutil.rmtree(served, ignore_errors=True)
    for variant in VARIANTS:
        if (model := variant.model_name) in models:
            target = served / folder_name(variant) / model
            shutil.copytree(repository / model, target, copy_function=_link)
    return sorted(served.iterdir())


def folder_name(variant: Variant) -> str:
    """Return the folder of a variant: its backend, with ``_gpu`` appended if it needs a GPU."""
    return variant.runtime.backend + ("_gpu" if variant.device == "gpu" else "")


def starting(folders: Collection[Path]) -> Iterator[str]:
    """Yield lines that say how a Triton serves ``folders``."""
    yield "any Triton serves the export, with one or more of these options (docs/native.md):"
    for folder in folders:
        yield f"  tritonserver --model-repository={folder.resolve()}"


def _link(source: str, target: str) -> None:
    """Link a model file; copy the config, which its user may edit, and what cannot be linked."""
    if Path(source).name != CONFIG:
        try:
            os.link(source, target)
            return
        except OSError:
            pass  # no hard links here
    shutil.copy2(source, target)
