import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.cpu import Cpu, read_cpu, read_l2_bytes
from tests.conftest import ROOT

AMD = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC
stepping\t: 1
cpu MHz\t\t: 2596.132
flags\t\t: fpu avx2 avx512_bf16 avx512_vnni
bugs\t\t: spectre_v1

processor\t: 1
model name\t: another
"""
ARM = """\
processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd asimddp i8mm bf16
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd40
CPU revision\t: 1
"""


def read(text: str, folder: Path) -> Cpu:
    path = folder / "cpuinfo"
    path.write_text(text)
    return read_cpu(path)


def test_x86(tmp_path: Path) -> None:
    cpu = read(AMD, tmp_path)
    assert cpu.name == "AMD EPYC"
    assert cpu.flags == {"fpu", "avx2", "avx512_bf16", "avx512_vnni"}
    assert cpu.description().startswith(
        "AMD EPYC, family 25 model 17 stepping 1, avx512_bf16 avx512_vnni, "
    )


def test_arm_has_features_and_no_name(tmp_path: Path) -> None:
    cpu = read(ARM, tmp_path)
    assert cpu.flags == {"fp", "asimd", "asimddp", "i8mm", "bf16"}
    assert ", implementer 0x41 variant 0x1 part 0xd40, asimddp bf16 i8mm, " in cpu.description()


@pytest.mark.parametrize("text", ["", "\n", "processor\n", ": :\n\n", "model name\t:\nflags\t:\n"])
def test_a_cpuinfo_that_says_nothing(text: str, tmp_path: Path) -> None:
    cpu = read(text, tmp_path)
    assert cpu.flags == frozenset()
    assert cpu.name
    assert cpu.description().startswith(f"{cpu.name}, ")
    assert read_cpu(tmp_path / "none") == cpu


@pytest.mark.parametrize(
    ("old", "new"),
    [("model\t\t: 17", "model\t\t: 1"), ("avx512_vnni", ""), ("stepping\t: 1", "stepping\t: 2")],
)
def test_another_kind_of_machine_has_another_description(
    old: str, new: str, tmp_path: Path
) -> None:
    other = read(AMD.replace(old, new), tmp_path).description()
    assert other != read(AMD, tmp_path).description()


def test_what_varies_on_one_machine_does_not_matter(tmp_path: Path) -> None:
    """The clock does, and a kernel's update adds flags of its own."""
    later = AMD.replace("2596.132", "3200.000").replace("fpu avx2", "fpu avx2 rdpid ibpb")
    assert read(later, tmp_path).description() == read(AMD, tmp_path).description()


def test_the_cores_are_those_that_this_process_may_use() -> None:
    core = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, {{{core}}}); "
        "from embedded.cpu import read_cpu; print(read_cpu().description())"
    )
    said = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert said.endswith(", 1 core\n")
    assert Cpu("X", "", frozenset(), 64).description() == "X, 64 cores"


def test_a_cpus_share_of_its_second_level_cache(tmp_path: Path) -> None:
    for number, level, size, cpus in ((0, "1", "48K", "3"), (2, "2", "2048K", "00000000,00000003")):
        folder = tmp_path / f"index{number}"
        folder.mkdir()
        (folder / "level").write_text(f"{level}\n")
        (folder / "size").write_text(f"{size}\n")
        (folder / "shared_cpu_map").write_text(f"{cpus}\n")
    assert read_l2_bytes(tmp_path) == 2**20  # two threads of a core share it
    (tmp_path / "index2" / "size").unlink()
    assert read_l2_bytes(tmp_path) == 0
