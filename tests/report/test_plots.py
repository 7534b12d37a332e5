"""Plots of much, little and nothing."""

from __future__ import annotations

import re

import numpy as np

from spinimpute.report import plots
from spinimpute.report.canvas import Drawing


def points(drawing: Drawing) -> int:
    return len(re.findall(r"<use ", drawing.svg))


def test_of_many_samples_the_lowest_are_drawn() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random(5000), rng.random(5000)
    x[1234], y[77] = -1, -1
    names = [f"n{i}" for i in range(5000)]
    drawing = plots.scattered("t", "Caption.", names, (x, y), ("x", "y"))
    assert {"n1234", "n77"} <= set(re.findall(r"<text[^>]*>([^<]*)</text>", drawing.svg))
    drawn = re.search(r"([\d,]+) of 5,000 are drawn", drawing.caption)
    assert drawn is not None
    assert 500 < int(drawn[1].replace(",", "")) <= 600
    assert len(drawing.svg) < 200_000
    few = plots.scattered("t", "Caption.", names[:50], (x[:50], y[:50]), ("x", "y"))
    assert few.caption == "Caption."
    # The axes' ticks are counted too, and are not the same.
    fewer = plots.scattered("t", "Caption.", names[:20], (x[:20], y[:20]), ("x", "y"))
    assert 27 <= points(few) - points(fewer) <= 33


def test_ranked_leaves_out_what_is_undefined() -> None:
    values = np.array([0.5, np.nan, 0.25, 0.75])
    drawing = plots.ranked("t", "", ["a", "b", "c", "d"], values, "v")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawing.svg)
    assert "c" in texts
    assert not {"a", "b", "d"} & set(texts)
    nothing = plots.ranked("t", "", ["a"], np.array([np.nan]), "v")
    assert points(drawing) - points(nothing) >= 3
    assert len(plots.ranked("t", "", [""] * 90_000, np.arange(9e4), "v").svg) < 200_000


def test_every_count_has_its_number() -> None:
    drawing = plots.bars("t", "", {"used": 1234, "swapped": 0})
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawing.svg)
    assert {"used", "swapped", "1,234", "0"} <= set(texts)
