"""A page: its content, and the HTML file that shows it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pages.drawing import COLOURS, Plot, svg
from pages.table import Table

_GROUND = {"ground": ("#ffffff", "#14191f"), "card": ("#f5f7f9", "#1d242b")}


class Tile(NamedTuple):
    """One large figure."""

    head: str
    value: str
    note: str


class Doubt(NamedTuple):
    """A warning that the reader needs before the figures."""

    head: str
    text: str


@dataclass(frozen=True)
class Facts:
    """Facts by head; several values become a list, and a fact without a value is left out."""

    values: Mapping[str, str | tuple[str, ...]]  # text in backticks is code
    title: str = ""  # with one, the facts can be folded
    note: str = ""  # beside the title
    folded: bool = True  # at first


@dataclass(frozen=True, kw_only=True)
class Page:
    """The content of a page, in order; what is empty is left out."""

    subject: str  # what kind of page it is
    heading: str
    lead: str
    doubts: tuple[Doubt, ...] = ()
    tiles: tuple[Tile, ...] = ()
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()
    facts: Mapping[str, tuple[Facts, ...]]  # by the heading of their section


def html(page: Page) -> str:
    """Return the page, with plots and style in it; it needs neither a network nor scripts."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"prose": _prose, "svg": svg}
    return environment.get_template("page.html").render(page=page, colours=_colours())


def _prose(text: str) -> Markup:
    """Return ``text`` with what is in backticks set as code."""
    parts = enumerate(re.split("`([^`]+)`", text))
    code = Markup("<code>{}</code>")
    return Markup().join(code.format(part) if place % 2 else part for place, part in parts)


def _colours() -> str:
    """Return the colours as CSS variables; a printed page is always light."""
    both = COLOURS | _GROUND
    light = " ".join(f"--{name}: {value};" for name, (value, _) in both.items())
    dark = " ".join(f"--{name}: {value};" for name, (_, value) in both.items())
    return (
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )
