"""A teacher's distributions over start and end: computed once, and kept in files, in parts."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from embedded.digest import sha256
from training.errors import TrainingError
from training.initial import PICKLE, WEIGHTS

FOLDER = "teacher"  # in the output folder
WINDOWS_OF_A_PART = 512

_TENSOR, _SOURCE = "log_probabilities", "source"

Source = Mapping[str, str]  # what a part was made from
Distributions = NDArray[np.float16]  # [2, tokens]: start and end, one window after another


@dataclass(frozen=True)
class Part:
    """One file: the distributions of some windows that follow each other."""

    path: Path
    source: Source
    sizes: tuple[int, ...]  # of each window: 1 for "no answer", and its context tokens

    def read(self) -> list[Distributions]:
        """Return the log-probabilities of each window, ``[2, size]``.

        Raises TrainingError when the file is damaged, or was made from something else.
        """
        values = self._read()
        if values.shape != (2, sum(self.sizes)):
            raise TrainingError(f"{self.path} is damaged; remove it")
        return np.split(values, np.cumsum(self.sizes[:-1]), axis=1)

    def is_there(self) -> bool:
        """Whether the file exists; raises TrainingError when it was made from something else."""
        if not self.path.exists():
            return False
        self._read()
        return True

    def _read(self) -> Distributions:
        try:
            with safe_open(self.path, framework="numpy") as file:
                source = json.loads(file.metadata()[_SOURCE])
                values: Distributions = file.get_tensor(_TENSOR)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise TrainingError(f"{self.path} is damaged ({error}); remove it") from error
        if different := [name for name, each in self.source.items() if source.get(name) != each]:
            raise TrainingError(
                f"{self.path} was made from another {different[0]} "
                f"({source.get(different[0])}, not {self.source[different[0]]}); give another "
                f"output, or remove {self.path.parent}"
            )
        return values

    def write(self, distributions: list[Distributions]) -> None:
        """Write the file; a kill during the write leaves none."""
        self.path.parent.mkdir(exist_ok=True)
        temporary = self.path.with_suffix(f".{os.getpid()}.new")
        values = np.ascontiguousarray(np.concatenate(distributions, axis=1))
        save_file({_TENSOR: values}, temporary, metadata={_SOURCE: json.dumps(self.source)})
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(self.path)


def source_of(teacher: str) -> Source:
    """Return the name of ``teacher`` and, if it is a folder, the sha256 of its weights.

    A folder that is gone has none: its name has to do, where all parts are there.
    """
    for name in (WEIGHTS, PICKLE):
        path = Path(teacher).expanduser() / name
        if path.is_file():
            return {"teacher": teacher, "weights": sha256(path)}
    return {"teacher": teacher}
