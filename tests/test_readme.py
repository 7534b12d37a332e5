"""The commands that the README shows on the example data are those that `make demo` runs."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_commands_on_the_examples_are_run_by_make_demo() -> None:
    recipe = (ROOT / "Makefile").read_text().split("\ndemo:")[1].split("\n\n")[0]
    run = " ".join(recipe.replace("\\\n", " ").replace("$(BIN)/", "").split())
    shown = re.findall(r"^spinimpute .*examples/.*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert {line.split()[1] for line in shown} == {"impute", "evaluate"}
    for line in shown:
        assert line in run
