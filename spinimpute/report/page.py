"""A page: warnings first, then numbers, figures, tables and where all of it comes from, in one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2

from spinimpute import __version__
from spinimpute.io.outputs import atomic_output
from spinimpute.report.canvas import Drawing


@dataclass(frozen=True)
class Number:
    """One number that stands out, with its name."""

    name: str
    value: str


@dataclass(frozen=True)
class Table:
    """A table whose first column holds names and the others numbers; folded ones open on a click."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Page:
    """All that a page shows; text is plain, and escaped where it is put in."""

    title: str
    subtitle: str
    warnings: Sequence[str]
    numbers: Sequence[Number]
    drawings: Sequence[Drawing]
    tables: Sequence[Table]
    details: Mapping[str, str] = field(default_factory=dict)


def render(page: Page) -> str:
    """The page as HTML that needs no other file, no network and no script."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(page=page, version=__version__)


def write_page(path: Path, page: Page) -> None:
    """Write the page; SpinImputeError if the disk refuses."""
    with atomic_output(path) as partial:
        partial.write_text(render(page), encoding="utf-8")
