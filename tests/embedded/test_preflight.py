"""Which machines can run the embedded Triton."""

import platform

import pytest

from embedded.preflight import machine_problems


def problems(monkeypatch: pytest.MonkeyPatch, machine: str, libc: tuple[str, str]) -> list[str]:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    return machine_problems()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("version", ["2.35", "2.36", "3.0"])
def test_linux_on_both(monkeypatch: pytest.MonkeyPatch, machine: str, version: str) -> None:
    assert problems(monkeypatch, machine, ("glibc", version)) == []


@pytest.mark.parametrize(
    ("machine", "libc", "words"),
    [
        (
            "riscv64",
            ("glibc", "2.36"),
            "needs Linux on x86_64 or aarch64; this is Linux on riscv64",
        ),
        ("aarch64", ("glibc", "2.34"), "glibc 2.35 or newer is needed, this is glibc 2.34"),
        ("x86_64", ("", ""), "glibc 2.35 or newer is needed, this is another libc"),
    ],
)
def test_others_are_refused(
    monkeypatch: pytest.MonkeyPatch, machine: str, libc: tuple[str, str], words: str
) -> None:
    (problem,) = problems(monkeypatch, machine, libc)
    assert words in problem
