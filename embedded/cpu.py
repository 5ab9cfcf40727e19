"""What this machine's CPU is, and what it can do: a variant is chosen by it."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

# the fields of /proc/cpuinfo that tell kinds of CPU apart: x86's, and ARM's, which has no name
_KIND = ("cpu family", "model", "stepping", "CPU implementer", "CPU variant", "CPU part")
# instructions for int8 and bf16: with them another variant is the fastest
_NARROW = re.compile(r"\w*(vnni|bf16|int8|i8mm|asimddp)")


@dataclass(frozen=True)
class Cpu:
    """The CPU of this machine, as far as this process may use it."""

    name: str
    kind: str  # family, model and stepping: a hypervisor may say no more than "AMD EPYC"
    flags: frozenset[str]  # of /proc/cpuinfo
    cores: int

    def description(self) -> str:
        """Return a line that is the same on the same machine, and another on another kind."""
        narrow = sorted(flag for flag in self.flags if _NARROW.fullmatch(flag))
        cores = f"{self.cores} core{'s' if self.cores > 1 else ''}"
        return ", ".join(part for part in (self.name, self.kind, " ".join(narrow), cores) if part)


def read_cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> Cpu:
    """Return this machine's CPU; of several kinds in one machine, the first.

    Where ``cpuinfo`` says nothing, the name is that of the architecture, and no flag is known.
    """
    try:
        first = cpuinfo.read_text(errors="replace").split("\n\n")[0]
    except OSError:
        first = ""
    lines = (line.partition(":") for line in first.splitlines())
    fields = {key.strip(): value.strip() for key, _, value in lines}
    return Cpu(
        name=fields.get("model name") or platform.machine(),
        kind=" ".join(f"{key.split()[-1]} {fields[key]}" for key in _KIND if fields.get(key)),
        flags=frozenset((fields.get("flags") or fields.get("Features", "")).split()),
        cores=len(os.sched_getaffinity(0)),
    )
