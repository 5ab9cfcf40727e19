"""Triton's folders: the models, the Python backend and our backends; and clearing up after it."""

import importlib.util
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from embedded.backends import FOLDER
from embedded.errors import EmbeddedError
from embedded.model_config import adapted
from embedded.preflight import python_version

CONFIG = "config.pbtxt"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the Python backend keeps its regions


def prefix(pid: int) -> str:
    """Return how the names of what ``pid`` puts into shared memory and temporary folders begin."""
    return f"electra-qa-{pid}-"


def remove_leftovers(pid: int | None = None) -> None:
    """Remove the shared memory of the process ``pid``, or without one, all that dead ones left.

    A killed Triton leaves its shared memory. A killed gateway leaves its folder too.
    """
    for parent in (SHARED_MEMORY, Path(tempfile.gettempdir())):
        for path in parent.glob("electra-qa-*-*"):
            owner = path.name.split("-")[2]
            mine = owner == str(pid)
            if (parent == SHARED_MEMORY and mine) or (
                pid is None and owner.isdecimal() and not Path("/proc", owner).exists()
            ):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def pytriton() -> Path:
    """Return the folder of nvidia-pytriton; raises EmbeddedError when it is not installed."""
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "nvidia-pytriton, which has the tritonserver, is not installed; run make setup"
        )
    return Path(spec.submodule_search_locations[0])


def lay_out(folder: Path, repository: Path, models: Iterable[str]) -> None:
    """Lay out Triton's folders: links to the models, and copies of the backends.

    Triton refuses symbolic links in the folder of a Python-based backend.
    """
    server = pytriton() / "tritonserver"
    version = python_version()
    shutil.copytree(server / "backends" / "python", folder / "backends" / "python")
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    shutil.copy2(stub, folder / "backends" / "python")
    for source in FOLDER.glob("*/model.py"):
        target = folder / "backends" / source.parent.name
        target.mkdir()
        shutil.copy2(source, target)
    (folder / "models").mkdir()
    for model in models:
        _lay_out_model(folder / "models" / model, (repository / model).resolve())


def _lay_out_model(folder: Path, source: Path) -> None:
    """Link the files of the model ``source``, and write its config, adapted to this machine."""
    try:
        text = adapted((source / CONFIG).read_text())
    except OSError:
        text = None
    if text is None:  # Triton says what is wrong with it
        folder.symlink_to(source)
        return
    folder.mkdir()
    for path in source.iterdir():
        if path.name != CONFIG:
            (folder / path.name).symlink_to(path)
    (folder / CONFIG).write_text(text)
