"""Windows along chromosomes, and what is drawn of them."""

from __future__ import annotations

import re

import numpy as np

from spinimpute.report.along import Strip, Windows, along


def drawn(sums: dict[str, np.ndarray]) -> str:
    windows = Windows.join(sums, 20_000)
    strips = {chrom: Strip(held[:, 0] / held.max(), held[:, 1]) for chrom, held in windows.sums.items()}
    return along("", windows, strips, ("line", "bars"), (0, 1)).svg


def test_windows_are_few_and_lose_nothing() -> None:
    rng = np.random.default_rng(2)
    sums = {str(c): rng.integers(0, 3, (rng.integers(500, 900), 3)).astype(float) for c in range(5)}
    sums["0"][:100] = 0
    sums["x"] = np.zeros((10, 3))
    windows = Windows.join(sums, 20_000)
    assert windows.width == 400_000
    assert list(windows.starts) == list(windows.sums) == ["0", "1", "2", "3", "4"]
    assert 100 < sum(map(len, windows.starts.values())) <= 250
    for chrom, starts in windows.starts.items():
        np.testing.assert_array_equal(windows.sums[chrom].sum(axis=0), sums[chrom].sum(axis=0))
        assert set(np.diff(starts)) == {400_000}
        steps = np.flatnonzero(sums[chrom].any(axis=1)) * 20_000
        assert starts[0] <= steps[0] < starts[1]
        assert starts[-1] <= steps[-1] < starts[-1] + 400_000


def test_one_chromosome_has_positions_and_many_have_names() -> None:
    ones = np.ones((60, 2))
    alone = drawn({"chr7": ones})
    assert "position on chr7, Mb" in alone
    together = drawn({"chr7": ones, "chr8": ones, "scaffold_1234": ones[:1]})
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", together)
    assert {"7", "8", "chromosome"} <= set(texts)
    # It has no room for its name.
    assert "scaffold_1234" not in texts
