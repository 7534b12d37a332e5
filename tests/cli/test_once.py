"""Options with a single value may be given once."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from spinimpute.cli import app


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("impute --ref a --ref b --gt t --out o", "--ref"),
        ("impute --ref=a --gt t --gt=u --out o", "--gt"),
        ("impute ref=a gt=t out=o --window 3 --window 4", "--window"),
        ("panel build --ref a --ref b --out o", "--ref"),
        ("train --ref a --out o --out p", "--out"),
        ("simulate --out o --out o", "--out"),
    ],
)
def test_repeats_are_wrong_usage(words: str, name: str) -> None:
    result = CliRunner().invoke(app, words.split())
    assert result.exit_code == 2
    assert f"{name} is given 2 times; give it once" in result.stderr


def test_lists_and_switches_may_be_repeated() -> None:
    words = ["train", "--ref", "nowhere", "--ref", "elsewhere", "--quiet", "--quiet", "--out", "o"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "nowhere" in result.stderr
