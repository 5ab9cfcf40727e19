"""The real client of the hub, and a server that plays the far end."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from export.checkpoint.errors import CheckpointError
from export.checkpoint.hub import resolve
from export.checkpoint.reader import read_checkpoint
from tests.export.conftest import GOLDEN

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_token_of_a_reader"


@dataclass
class Hub:
    """Repositories by name, each the files of one commit, and what was asked of them."""

    cache: Path
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: str = ""
    gated: str = ""
    endpoint: str = ""
    asked: list[str] = field(default_factory=list)

    def resolve(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Call ``resolve`` where the hub is this one, which the library reads at its import."""
        code = (
            "import sys\nfrom export.checkpoint.hub import resolve\n"
            "from export.checkpoint.errors import CheckpointError\n"
            "try:\n    found = resolve(*sys.argv[1:])\n"
            "except CheckpointError as error:\n    sys.exit(f'refused: {error}')\n"
            "print(found.path, found.name, found.revision, sep='\\n')"
        )
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        hub = {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(self.cache), "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=inherited | hub | environment,
            cwd=self.cache,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def found(self, *arguments: str, **environment: str) -> tuple[Path, str, str]:
        done = self.resolve(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        path, name, revision = done.stdout.splitlines()
        return Path(path), name, revision

    def refuse(self, *arguments: str, **environment: str) -> str:
        done = self.resolve(*arguments, **environment)
        assert done.returncode == 1
        message = done.stderr.strip().splitlines()[-1]
        assert message.startswith("refused: "), done.stderr
        return message


class Handler(BaseHTTPRequestHandler):
    """The four routes that a download needs, as the hub answers them."""

    def __init__(self, hub: Hub, *arguments: object) -> None:
        self.hub = hub
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.asked.append(path)
        parts = path.removeprefix("/api/models").strip("/").split("/")
        name = "/".join(parts[:2])
        files = self.hub.repositories.get(name)
        if name == self.hub.gated:
            self.answer(403, b"", {"X-Error-Code": "GatedRepo"})
        elif files is None or (
            name == self.hub.private and self.headers["authorization"] != f"Bearer {TOKEN}"
        ):
            self.answer(401, b"", {"X-Error-Code": "RepoNotFound"})
        elif parts[2:] in ([], ["revision", "main"], ["revision", "v1"]):
            self.answer(200, json.dumps({"id": name, "sha": COMMIT}).encode())
        elif parts[2:] == ["tree", COMMIT]:
            entries = [
                {"type": "file", "path": k, "size": len(v), "oid": hashlib.sha1(v).hexdigest()}  # noqa: S324
                for k, v in files.items()
            ]
            self.answer(200, json.dumps(entries).encode())
        elif parts[2:4] == ["resolve", COMMIT]:
            content = files["/".join(parts[4:])]
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
            self.answer(200, content, headers)
        else:
            self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})

    def do_HEAD(self) -> None:
        self.do_GET()

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path)
    hub.repositories["owner/name"] = {
        path.name: path.read_bytes() for path in sorted((GOLDEN / "projected").iterdir())
    } | {"pytorch_model.bin": b"a pickle", "onnx/model-1.safetensors": b"of another", "a.py": b""}
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, hub)) as server:
        hub.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


def test_download(hub: Hub) -> None:
    """Only what an export reads, and the same weights; from then on without the hub."""
    path, name, revision = hub.found("owner/name")
    assert (name, revision) == ("owner/name", COMMIT)
    assert {file.name for file in path.rglob("*")} == {
        "config.json",
        "model.safetensors",
        "vocab.txt",
    }
    exact = read_checkpoint(GOLDEN / "projected").weights
    for key, values in read_checkpoint(path).weights.items():
        np.testing.assert_array_equal(values, exact[key])
    hub.asked.clear()
    assert hub.found("owner/name", COMMIT) == (path, name, COMMIT)
    assert not any("owner/name" in asked for asked in hub.asked)
    assert hub.found("owner/name", HF_ENDPOINT="http://127.0.0.1:1") == (path, name, COMMIT)


def test_revision(hub: Hub) -> None:
    assert hub.found("owner/name", "v1")[2] == COMMIT
    assert "owner/name has no revision 'v2' on the hub" in hub.refuse("owner/name", "v2")
    assert "owner/name has no revision" in hub.refuse("owner/name", COMMIT[::-1])


def test_no_such_repository(hub: Hub) -> None:
    message = hub.refuse("owner/other")
    assert "owner/other is neither a path on this machine nor a repository of the hub" in message


def test_private(hub: Hub) -> None:
    hub.private = "owner/name"
    assert "set HF_TOKEN" in hub.refuse("owner/name")
    assert hub.found("owner/name", HF_TOKEN=TOKEN)[2] == COMMIT


def test_gated(hub: Hub) -> None:
    hub.gated = "owner/name"
    message = hub.refuse("owner/name")
    assert "owner/name is gated" in message
    assert "HF_TOKEN" in message


def test_no_network(hub: Hub) -> None:
    message = hub.refuse("owner/name", HF_ENDPOINT="http://127.0.0.1:1")
    assert "the hub cannot be reached" in message
    assert "refused" in message


def test_only_a_pickle(hub: Hub) -> None:
    del hub.repositories["owner/name"]["model.safetensors"]
    message = hub.refuse("owner/name")
    assert "owner/name has its weights only in pytorch_model.bin, a pickle" in message
    assert "CHECKPOINT=name" in message
    python, option, code = shlex.split(message[message.index("python -c") :])
    assert (python, option) == ("python", "-c")
    compile(code, "command", "exec")
    assert f'"owner/name", revision="{COMMIT}"' in code
    assert not any("pytorch_model" in path for path in hub.asked)


def test_other_architecture(hub: Hub) -> None:
    """Refused by name, before its weights are downloaded."""
    config = {"model_type": "bert", "architectures": ["BertForQuestionAnswering"]}
    hub.repositories["owner/name"]["config.json"] = json.dumps(config).encode()
    assert "model_type is 'bert' (BertForQuestionAnswering)" in hub.refuse("owner/name")
    assert not any("safetensors" in path for path in hub.asked)


def test_no_weights_at_all(hub: Hub) -> None:
    for name in ("model.safetensors", "pytorch_model.bin"):
        del hub.repositories["owner/name"][name]
    assert f"owner/name has no model.safetensors at {COMMIT}" in hub.refuse("owner/name")


def test_name_that_the_hub_does_not_allow(hub: Hub) -> None:
    assert "nor a name that the hub allows" in hub.refuse("owner/a--b")


def test_path_wins(hub: Hub) -> None:
    (hub.cache / "owner" / "name").mkdir(parents=True)
    assert hub.found("owner/name") == (Path("owner/name"), "owner/name", "None")
    assert not any("owner/name" in asked for asked in hub.asked)


@pytest.mark.parametrize("name", ["../owner/name", "/owner/name", "a/b/c", "name", "./name"])
def test_what_else_is_a_path(name: str) -> None:
    assert resolve(name).path == Path(name)


def test_path_has_no_revision(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="is a path, so it has no revision 'main'"):
        resolve(str(folder), "main")
