"""The pages in headless Chromium, in light and dark, wide and narrow: what a reader would see."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import CHROMIUM, Browser, contrast
from evaluation_sets import make_set

from spinimpute.evaluation.comparison import Files
from spinimpute.evaluation.run import evaluate
from spinimpute.report.evaluation_page import evaluation_page
from spinimpute.report.page import write_page
from spinimpute.report.run_page import RunTotals, run_page
from spinimpute.report.run_sums import sum_run

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"
)
READABLE = 4.5  # contrast of text, WCAG 2 AA


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    files = make_set(folder)
    found = evaluate(Files(files.truth, files.flagged, files.panel))
    paths = {name: folder / f"{name}.html" for name in ("accuracy", "run")}
    write_page(paths["accuracy"], evaluation_page(found, {"command": "spinimpute evaluate ..."}))
    totals = RunTotals("imputed", 120, 160, 40, 120, 0.5, {"used": 38, "target-only": 1, "swapped": 1})
    sums = sum_run(files.flagged, files.panel, files.typed)
    write_page(paths["run"], run_page(totals, sums, ["a warning"], {"command": "spinimpute impute ..."}))
    return paths


def overlaps(one: list[float], other: list[float], slack: float = 1.5) -> bool:
    return all(one[axis] + slack < other[axis + 2] and other[axis] + slack < one[axis + 2] for axis in (0, 1))


@pytest.mark.parametrize("page", ["accuracy", "run"])
@pytest.mark.parametrize(("dark", "width"), [(False, 1240), (True, 1240), (True, 600)])
def test_texts_are_readable_and_in_their_place(
    pages: dict[str, Path], page: str, dark: bool, width: int, tmp_path: Path
) -> None:
    seen = Browser(tmp_path, dark, width).look(pages[page])
    assert seen["width"] <= seen["inner"]
    assert len(seen["figures"]) == 5
    for figure in seen["figures"]:
        left, top, right, bottom = figure["box"]
        assert right - left > 250
        assert bottom - top > 120
        assert figure["shapes"] > 20
    assert len(seen["texts"]) > 100
    unreadable = [t for t in seen["texts"] if contrast(t["colour"], t["backdrop"]) < READABLE]
    assert unreadable == []
    drawn: dict[str, list[dict[str, Any]]] = {}
    for text in seen["texts"]:
        if text["drawn"]:
            inside = [a - b for a, b in zip(text["box"], text["figure"], strict=True)]
            assert min(*inside[:2], -inside[2], -inside[3]) > -2, text
            drawn.setdefault(text["name"], []).append(text)
    for texts in drawn.values():
        clashes = [
            (a["text"], b["text"])
            for a, b in itertools.combinations(texts, 2)
            if overlaps(a["box"], b["box"])
        ]
        assert clashes == []


@pytest.mark.parametrize("page", ["accuracy", "run"])
def test_modes_differ_in_colour(pages: dict[str, Path], page: str, tmp_path: Path) -> None:
    light, dark = (Browser(tmp_path, mode).picture(pages[page]) for mode in (False, True))
    assert light.shape == dark.shape
    assert light.mean() > 0.85
    assert dark.mean() < 0.25
    for picture in (light, dark):
        colours = (picture * 255).astype(int) @ [1 << 16, 1 << 8, 1]
        assert len(np.unique(colours)) > 100
        # The figures' blue covers something: the plots are drawn, not only their frames.
        red, _, blue = np.moveaxis(picture, -1, 0)
        assert (blue - red > 0.3).sum() > 2000


@pytest.mark.parametrize("page", ["accuracy", "run"])
def test_nothing_is_amiss(pages: dict[str, Path], page: str, tmp_path: Path) -> None:
    assert Browser(tmp_path).complaints(pages[page]) == []


def test_complaints_are_heard(tmp_path: Path) -> None:
    """That the test above can fail: a script's error and an image that is not there."""
    faulty = tmp_path / "faulty.html"
    faulty.write_text("<script>absent()</script><img src='http://127.0.0.1:9/absent.png'>")
    assert any("absent is not defined" in line for line in Browser(tmp_path).complaints(faulty))
