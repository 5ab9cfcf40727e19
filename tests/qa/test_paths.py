"""Paths by flag and by variable."""

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from qa.paths import listed, paths_in

app = typer.Typer()


@app.command()
def read(
    files: Annotated[list[Path], typer.Argument(envvar="FILES", callback=listed)],
) -> None:
    show(files)


@app.command()
def show(
    files: Annotated[list[Path], typer.Option("--file", envvar=["A", "B"], callback=listed)] = [],  # noqa: B006
) -> None:
    for each in files:
        print(each)


@pytest.mark.parametrize(
    ("arguments", "environment", "shown"),
    [
        ([], {}, []),
        ([], {"A": ""}, []),
        ([], {"A": " "}, []),
        ([], {"A": "a.json  'b':c.json"}, ["a.json", "'b':c.json"]),
        ([], {"A": "", "B": "b"}, ["b"]),
        (["--file=a b", "--file=c:d"], {"A": "e"}, ["a b", "c:d"]),
    ],
)
def test_by_flag_and_by_variable(
    arguments: list[str], environment: dict[str, str], shown: list[str]
) -> None:
    said = CliRunner().invoke(app, ["show", *arguments], env=environment)
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines() == shown


def test_what_is_needed_is_not_blank() -> None:
    assert CliRunner().invoke(app, ["read"], env={"FILES": "a b"}).stdout == "a\nb\n"
    said = CliRunner().invoke(app, ["read"], env={"FILES": " "})
    assert said.exit_code == 2
    assert "files is blank; name one path at least" in said.output


def test_a_path_with_spaces_in_it_and_patterns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("2.json", "1.json", "*.json 1.json"):
        (tmp_path / name).touch()
    assert paths_in("*.json 1.json") == [Path("*.json 1.json")]
    (tmp_path / "*.json 1.json").unlink()
    assert paths_in("*.json 1.json") == [Path(each) for each in ("1.json", "2.json", "1.json")]
    assert paths_in(f"{tmp_path}/[12].json *.txt") == [
        *(tmp_path / each for each in ("1.json", "2.json")),
        Path("*.txt"),
    ]
