"""Tables keep whole lines for what is no terminal, and are folded for one."""

from __future__ import annotations

import pytest

from spinimpute.cli.report import print_table

LONG = "/".join(["folder"] * 40)


@pytest.mark.parametrize("terminal", [False, True])
def test_long_values(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")  # what rich takes for one
    print_table({"model": LONG, "b": "2"})
    printed = capsys.readouterr().out
    if terminal:
        assert len(printed.splitlines()) > 5
    else:
        assert [line.split() for line in printed.splitlines()] == [["model", LONG], ["b", "2"]]
