"""What the README says that can be checked: a test for each feature."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_feature_has_a_test() -> None:
    text = (ROOT / "README.md").read_text()
    table = text.split("## Beside Beagle and Minimac4")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 15
    for row in rows:
        named = re.search(r"`(tests/[\w/]+\.py)::(\w+)` \|$", row)
        assert named, row
        assert re.search(rf"^ *def {named[2]}\(", (ROOT / named[1]).read_text(), re.MULTILINE), row
