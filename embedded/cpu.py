"""This machine's CPU, by which a variant is chosen."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

# fields of /proc/cpuinfo that identify a CPU: x86's, then ARM's, which gives no model name
_KIND = ("cpu family", "model", "stepping", "CPU implementer", "CPU variant", "CPU part")
# instructions for int8 and bf16: with them another variant is the fastest
_NARROW = re.compile(r"\w*(vnni|bf16|int8|i8mm|asimddp)")


@dataclass(frozen=True)
class Cpu:
    """The CPU of this machine, as far as this process may use it."""

    name: str
    kind: str  # family, model and stepping: the name may be no more than "AMD EPYC"
    flags: frozenset[str]  # of /proc/cpuinfo
    cores: int

    def description(self) -> str:
        """Return one line that tells this kind of machine from others."""
        narrow = sorted(flag for flag in self.flags if _NARROW.fullmatch(flag))
        cores = f"{self.cores} core{'s' if self.cores > 1 else ''}"
        return ", ".join(part for part in (self.name, self.kind, " ".join(narrow), cores) if part)


def read_cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> Cpu:
    """Return this machine's CPU, the first if there are several kinds.

    Where ``cpuinfo`` gives no model name, the name is the architecture's. Without that file there
    are no flags.
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


def read_l2_bytes(caches: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> int:
    """Return a CPU's share of its second-level cache; 0 where Linux does not know."""
    for folder in sorted(caches.glob("index*")):
        try:
            level, size, cpus = (
                (folder / name).read_text().strip() for name in ("level", "size", "shared_cpu_map")
            )
        except OSError:
            continue
        if level == "2" and (found := re.fullmatch(r"(\d+)K", size)):
            sharing = int(cpus.replace(",", ""), 16).bit_count()
            return int(found[1]) * 1024 // max(1, sharing)
    return 0
