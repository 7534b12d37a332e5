"""The HTML itself: self-contained, escaped, whole when there is little to show."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from builders import rec, write_vcf

from spinimpute.evaluation.comparison import Files
from spinimpute.evaluation.run import evaluate
from spinimpute.report import plots
from spinimpute.report.evaluation_page import evaluation_page
from spinimpute.report.page import Number, Page, Table, render

HOSTILE = "<script>alert('x')</script>&\""


class Elements(HTMLParser):
    """The elements of a page with their attributes, and whether each is closed in order."""

    VOID = frozenset({"meta", "link", "br", "path", "use", "img"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page() -> Page:
    cells = np.zeros((5, 5), np.int64)
    cells[1, 2] = 3
    drawings = [plots.density("A plot", HOSTILE, cells, ("x", "y")), plots.bars("Bars", "", {"used": 5})]
    tables = [Table("T", ["a", HOSTILE], [[HOSTILE, "1"]], HOSTILE, folded=True)]
    return Page(HOSTILE, HOSTILE, [HOSTILE], [Number(HOSTILE, "1")], drawings, tables, {HOSTILE: HOSTILE})


def test_text_is_escaped_and_nothing_is_fetched() -> None:
    html = render(page())
    elements = Elements(html)
    names = {name for name, _ in elements.found}
    assert "script" not in names
    assert html.count("alert(") == html.count("&lt;script&gt;alert(") >= 9
    fetched = [
        value
        for _, attributes in elements.found
        for key, value in attributes.items()
        if key in {"src", "href", "xlink:href", "data"} and value and not value.startswith(("#", "data:"))
    ]
    assert fetched == []
    assert not re.search(r"@import|url\((?!#)", html)


def test_identifiers_are_unique_and_found() -> None:
    html = render(page())
    identifiers = [attributes["id"] for _, attributes in Elements(html).found if "id" in attributes]
    assert len(identifiers) == len(set(identifiers)) > 0
    assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', html)) <= set(identifiers)


def test_colours_come_from_the_page() -> None:
    svg = page().drawings[0].svg
    assert "var(--blue)" in svg
    assert set(re.findall(r"#[0-9a-fA-F]{6}\b", svg)) == set()


def test_equal_pages_have_equal_bytes() -> None:
    assert render(page()) == render(page())


def test_warnings_come_first() -> None:
    html = render(page())
    assert html.index("One thing to look at first") < html.index('class="numbers"') < html.index("<svg")
    quiet = Page("t", "s", [], [], [], [])
    assert "to look at first" not in render(quiet)


@pytest.mark.parametrize("genotypes", [("0|1", "1|1"), ("0|0", "0|0")])
def test_a_tiny_evaluation_has_a_page(tmp_path: Path, genotypes: tuple[str, str]) -> None:
    """One variant, two samples; even if nothing is defined."""
    files = [write_vcf(tmp_path / f"{name}.vcf", [rec(7, "A", "C", *genotypes)]) for name in "ti"]
    html = render(evaluation_page(evaluate(Files(*files)), {}))
    assert "nan" not in html.lower().replace("provenance", "")
    Elements(html)
