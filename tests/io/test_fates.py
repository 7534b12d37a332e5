from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from spinimpute.io.fates import write_fates
from spinimpute.sites import SiteMatcher, Sites


def test_one_line_for_each_record(tmp_path: Path) -> None:
    target = Sites("20", np.array([5, 6, 9]), ["A", "C", "G"], [("C",), ("A",), ()], ["rs5", ".", "."])
    matcher = SiteMatcher(target)
    matcher.match(Sites("20", np.array([5, 6]), ["A", "A"], [("C",), ("C",)], [".", "."]))
    path = tmp_path / "x.variants.tsv.gz"
    write_fates(path, [matcher.finish()])
    assert gzip.decompress(path.read_bytes()).decode().splitlines() == [
        "chrom\tpos\tid\tref\talt\tfate\tdetail",
        "20\t5\trs5\tA\tC\tused\t.",
        "20\t6\t.\tC\tA\tswapped\tpanel has A>C",
        "20\t9\t.\tG\t.\ttarget-only\t.",
    ]
    before = path.read_bytes()
    write_fates(path, [matcher.finish()])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
