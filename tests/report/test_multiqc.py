"""The JSON for MultiQC: laid out as its custom content wants it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from spinimpute.report.multiqc import run_content, sample_content, write_content
from spinimpute.report.run_page import RunTotals
from spinimpute.report.run_sums import RunSums


def test_tables(tmp_path: Path) -> None:
    sums = RunSums(("a", "b"))
    sums.calls[:] = [[10, 9], [10, 10]]
    sums.confidence[:] = [[4, 3.0], [0, 0.0]]
    sums.by_maf[3] = [8, 6.5, 2]
    totals = RunTotals("run1", 900, 100, 10, 90, 0.75, {"used": 10, "target-only": 30})
    path = tmp_path / "run1_mqc.json"
    write_content(path, run_content(totals, sums))
    content = json.loads(path.read_text())
    assert content["plot_type"] == "table"
    assert content["data"]["run1"] == {
        "samples": 2, "panel_haplotypes": 900, "used": 0.25, "records": 100, "imputed": 90, "mean_dr2": 0.75,
        "well_imputed": 0.25,
    }  # fmt: skip
    assert set(content["headers"]) == set(content["data"]["run1"])
    # b has no imputed genotype: its confidence is left out, as JSON has no nan.
    rows = sample_content(totals, sums)["data"]
    assert rows == {"a": {"call_rate": 0.9, "confidence": 0.75}, "b": {"call_rate": 1.0}}


def test_undefined_shares_are_left_out(tmp_path: Path) -> None:
    sums = RunSums(("a",))
    assert np.isnan(sums.confidence).sum() == 0
    content = run_content(RunTotals("x", 2, 0, 0, 0, float("nan"), {}), sums)
    write_content(tmp_path / "x_mqc.json", content)
    assert set(content["data"]["x"]) == {"samples", "panel_haplotypes", "records", "imputed"}
