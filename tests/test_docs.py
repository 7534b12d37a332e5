"""The documentation: its commands run and print what the pages say, its links lead somewhere."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.refresh import DOCS, PAGES, Ran, commands, examples_copy, page_commands, run

ROOT = DOCS.parent
MARKDOWN = sorted([*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "examples" / "README.md"])
# What a page cannot promise: figures depend on machine and model, and columns' widths on figures.
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_FIGURE = re.compile(r"\d[\d,.]*")
_UNIT = re.compile(r"# (h|min|s)\b( # (min|s)\b)?")

pytestmark = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """The folder that all pages speak of."""
    with examples_copy() as folder:
        yield folder


@pytest.fixture(scope="module")
def runs(place: Path) -> dict[Path, list[Ran]]:
    """All pages' commands, run once, in order."""
    return {page: [run(shown, place) for shown in page_commands(page)] for page in PAGES}


def essence(line: str) -> str:
    """A line without figures."""
    return " ".join(_UNIT.sub("TIME", _FIGURE.sub("#", _DIGEST.sub("#", line))).split())


def agrees(shown: tuple[str, ...], printed: tuple[str, ...]) -> bool:
    """Whether the lines are those that a page shows; `...` there stands for any lines."""
    pattern = "".join(r"(.*\n)*?" if line == "..." else re.escape(essence(line)) + "\n" for line in shown)
    return re.fullmatch(pattern, "".join(f"{essence(line)}\n" for line in printed)) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_print_what_the_page_shows(runs: dict[Path, list[Ran]], page: Path) -> None:
    assert runs[page]
    for ran in runs[page]:
        assert agrees(ran.shown.printed, ran.printed), (ran.shown, "\n".join(ran.printed))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_fail_only_where_the_page_shows_an_error(runs: dict[Path, list[Ran]], page: Path) -> None:
    for ran in runs[page]:
        fails = any(re.search(r"^error:|─ Error ─|Error:", line) for line in ran.shown.printed)
        assert (ran.status != 0) == fails, (ran.shown, ran.status, "\n".join(ran.printed))


@pytest.mark.usefixtures("runs")
def test_python_blocks_run(place: Path) -> None:
    blocks = re.findall(
        r"(?<=^```python\n).*?(?=^```$)", (DOCS / "python.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert blocks
    with contextlib.chdir(place):
        for block in blocks:
            exec(block, {})


def test_the_readme_shows_commands_that_the_pages_run() -> None:
    run_by_pages = [shown.line for page in PAGES for shown in page_commands(page)]
    shown = re.findall(r"^spinimpute .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert shown
    for line in shown:
        assert any(each.startswith(line) for each in run_by_pages), line


def test_every_page_with_commands_is_run_and_indexed() -> None:
    assert {page for page in DOCS.glob("*.md") if "```console" in page.read_text()} == set(PAGES)
    index = (DOCS / "README.md").read_text()
    assert all(f"]({page.name})" in index for page in DOCS.glob("*.md") if page.name != "README.md")


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(), flags=re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_blocks_are_taken_apart() -> None:
    shown = commands("$ one \\\n    two\nprinted\n$ three\n$ four\na\nb\n")
    assert [each.line for each in shown] == ["one two", "three", "four"]
    assert [each.printed for each in shown] == [("printed",), (), ("a", "b")]
    with pytest.raises(ValueError, match="must begin with a command"):
        commands("printed\n")


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (("time 1.5 s", "r2  0.98"), ("time 2 min 3 s", "r2 0.9"), True),
        (("r2 0.98",), ("R2 0.98",), False),
        (("a", "...", "d"), ("a", "b", "c", "d"), True),
        (("a", "..."), ("b", "c"), False),
        ((), ("more",), False),
        (("sha256 " + "a" * 64,), ("sha256 " + "3" * 64,), True),
    ],
)
def test_outputs_are_compared_without_figures(
    shown: tuple[str, ...], printed: tuple[str, ...], same: bool
) -> None:
    assert agrees(shown, printed) is same
