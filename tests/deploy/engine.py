"""A Docker Engine of the tests' own, from Debian's packages, beside whatever the machine has.

It needs root and the packages of Debian 13, which are unpacked and not installed: their programs
run on Debian 12 as well. runc, iptables and mmdebstrap are the machine's own.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = (
    *("containerd", "docker.io", "docker-cli", "docker-buildx", "docker-compose"),
    *("prometheus", "promtool"),
)
INSTALLED = {each: each for each in ("runc", "iptables", "mmdebstrap")} | {"nft": "nftables"}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
START_SECONDS = 60


class CannotStart(Exception):
    """The engine cannot be started here; the message says why."""


@dataclass(frozen=True)
class Engine:
    """A Docker Engine that runs, and the programs that were unpacked beside it."""

    programs: Path  # the root that the packages were unpacked into
    socket: Path
    config: Path

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.programs}/usr/bin:{self.programs}/usr/sbin:{os.environ['PATH']}"
        return {
            **os.environ,
            "PATH": path,
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(self.config),
        }

    def run(self, *command: str | Path, check: bool = True, **more: str) -> str:
        """Run a command with this engine; return its output, or fail with all that it said."""
        done = subprocess.run(
            [str(part) for part in command],
            env={**self.environment, **more},
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(map(str, command))} ended with {done.returncode}:\n"
                f"{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
            )
        return done.stdout + (done.stderr if not check else "")

    def docker(self, *arguments: str | Path, check: bool = True, **more: str) -> str:
        return self.run("docker", *arguments, check=check, **more)

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what the engine knows of a container or an image."""
        (found,) = json.loads(self.docker("inspect", name))
        assert isinstance(found, dict)
        return found


@contextmanager
def running_engine(folder: Path) -> Iterator[Engine]:
    """Run an engine with all its data in ``folder``; raises CannotStart."""
    if os.geteuid() != 0:
        raise CannotStart("a Docker Engine needs root")
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()  # runc refuses a root behind a symbolic link
    programs = _unpack(folder)
    socket = folder / "docker.sock"
    config = folder / "config"
    _link_plugins(programs, config)
    engine = Engine(programs, socket, config)
    log = folder / "dockerd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(folder, socket), env=engine.environment, stdout=output, stderr=output
        )
    try:
        _wait(engine, process, log)
        yield engine
    finally:
        process.terminate()
        process.wait(60)


def _command(folder: Path, socket: Path) -> list[str]:
    return [
        *("dockerd", "--host", f"unix://{socket}"),
        *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
        *("--pidfile", str(folder / "dockerd.pid")),
        *("--exec-opt", "native.cgroupdriver=cgroupfs"),
        *("--bridge", "none"),  # every container of ours is in a network of compose
        *("--default-address-pool", "base=10.201.0.0/16,size=24"),
        *("--shutdown-timeout", "5"),
    ]


def _wait(engine: Engine, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        info = subprocess.run(["docker", "info"], env=engine.environment, capture_output=True)
        if info.returncode == 0:
            return
        time.sleep(0.2)
    last = log.read_text(errors="replace").splitlines()[-5:]
    process.terminate()
    raise CannotStart("dockerd did not come up; the last lines of its log:\n" + "\n".join(last))


def _unpack(folder: Path) -> Path:
    """Return the root that the packages are unpacked into; once unpacked, it is kept."""
    programs, mark = folder / "programs", folder / "programs" / ".complete"
    if missing := [package for name, package in INSTALLED.items() if not shutil.which(name)]:
        _apt("apt-get", "update", "-q")
        _apt("apt-get", "install", "-qy", "--no-install-recommends", *missing)
    if mark.exists():
        return programs
    shutil.rmtree(programs, ignore_errors=True)
    packages = folder / "packages"
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir()
    settings = _apt_settings(packages)
    _apt("apt-get", "update", "-q", settings=settings)
    _apt("apt-get", "download", *PACKAGES, settings=settings, cwd=packages)
    for package in packages.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(programs)], check=True)
    shutil.rmtree(packages)
    mark.touch()
    return programs


def _apt_settings(folder: Path) -> Path:
    """Write settings for apt that have Debian 13 alone; the machine's lists stay as they are."""
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {_mirror()} trixie main\n")
    settings = folder / "apt.conf"
    settings.write_text(
        f'Dir::State "{folder}";\nDir::State::status "{folder}/status";\n'
        f'Dir::State::lists "{folder}/lists";\nDir::Cache "{folder}";\n'
        f'Dir::Etc::sourcelist "{sources}";\nDir::Etc::sourceparts "-";\n'
        'APT::Sandbox::User "root";\n'
    )
    return settings


def _mirror() -> str:
    """Return where this machine's apt gets Debian from."""
    labels = ("Origin: Debian", "Label: Debian")
    listing = ("apt-get", "indextargets", "--format", "$(REPO_URI)", *labels)
    if not _apt(*listing):
        _apt("apt-get", "update", "-q")
    mirrors = _apt(*listing).split()
    if not mirrors:
        raise CannotStart("apt knows no source of Debian's packages")
    return mirrors[0]


def _apt(*command: str, settings: Path | None = None, cwd: Path | None = None) -> str:
    environment = {**os.environ, **({"APT_CONFIG": str(settings)} if settings else {})}
    try:
        done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise CannotStart(f"there is no {command[0]}: this is not Debian") from error
    if done.returncode:
        raise CannotStart(f"{' '.join(command)} failed: {done.stderr[-500:]}")
    return done.stdout


def _link_plugins(programs: Path, config: Path) -> None:
    plugins = config / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    for name in ("docker-buildx", "docker-compose"):
        link = plugins / name
        link.unlink(missing_ok=True)
        link.symlink_to(programs / "usr/libexec/docker/cli-plugins" / name)
