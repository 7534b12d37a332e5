"""The evaluate command, and impute --report: files, tables, usage."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import phased_records, sample_names, write_vcf
from evaluation_sets import PEOPLE, EvaluationSet, make_set
from test_retrieval import mosaics
from typer.testing import CliRunner

from spinimpute.cli import app
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Spin


def invoke(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> EvaluationSet:
    return make_set(tmp_path_factory.mktemp("set"))


def read(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_tables_and_page(files: EvaluationSet, tmp_path: Path) -> None:
    words = ["--ref", files.panel, "--typed", files.typed, "--out", tmp_path / "x", "--bins", "0,0.05,0.5"]
    result = invoke("evaluate", "--truth", files.truth, "--imputed", files.imputed, *words)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "x.accuracy.html", "x.accuracy.tsv", "x.calibration.tsv", "x.sites.tsv.gz",
    ]  # fmt: skip
    rows = read(tmp_path / "x.accuracy.tsv")
    groups = [row["group"] for row in rows]
    assert [groups.count(name) for name in ("all", "type", "sample")] == [1, 3, PEOPLE]
    assert [row["name"] for row in rows if row["group"] == "maf"][:2] == ["0-0.05", "0.05-0.5"]
    for row in rows[:3]:
        assert f"{float(row['r2']):.4f}" in result.stdout
    assert "0-5 %" in result.stdout
    assert "indel" in result.stdout
    # Each group's genotypes are in some bin of dose.
    curves = read(tmp_path / "x.calibration.tsv")
    for row in rows:
        mine = [each for each in curves if (each["group"], each["name"]) == (row["group"], row["name"])]
        assert sum(int(each["genotypes"]) for each in mine) == int(row["genotypes"])


def test_quiet_and_notes(files: EvaluationSet, tmp_path: Path) -> None:
    words = ["--truth", files.truth, "--imputed", files.imputed, "--out", tmp_path / "x", "--quiet"]
    result = invoke("evaluate", *words)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.count("warning: ") == 3


@pytest.mark.parametrize(
    ("bins", "status", "message"),
    [("0,x", 2, "must be numbers"), ("0,0.7", 1, "error: edges of MAF bins must ascend")],
)
def test_bins(files: EvaluationSet, tmp_path: Path, bins: str, status: int, message: str) -> None:
    words = ["--truth", files.truth, "--imputed", files.imputed, "--out", tmp_path / "x", "--bins", bins]
    result = invoke("evaluate", *words)
    assert result.exit_code == status
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_report_of_a_run(tmp_path: Path) -> None:
    torch.manual_seed(1)
    Spin(SpinConfig(width=8, layers=1, context=12, heads=4)).save(tmp_path / "model")
    rng = np.random.default_rng(5)
    alleles = mosaics(rng, 120, 60).astype(np.int8)
    pos = np.arange(1, 121) * 5000
    panel = write_vcf(tmp_path / "panel.vcf", phased_records(pos, alleles[:, :50]), sample_names(25, "p"))
    target = phased_records(pos[::4], alleles[::4, 50:])
    gt = write_vcf(tmp_path / "target.vcf", target)
    words = ["--ref", panel, "--gt", gt, "--model", tmp_path / "model", "--nthreads", 1]
    plain = invoke("impute", *words, "--out", tmp_path / "plain", "--no-version")
    result = invoke("impute", *words, "--out", tmp_path / "x", "--report", "--no-version")
    assert result.exit_code == plain.exit_code == 0, result.output
    assert (tmp_path / "x.vcf.gz").read_bytes() == (tmp_path / "plain.vcf.gz").read_bytes()
    assert not list(tmp_path.glob("plain*.html"))
    page = (tmp_path / "x.report.html").read_text()
    assert "<h1>Imputation report</h1>" in page
    row = json.loads((tmp_path / "x_mqc.json").read_text())["data"]["x"]
    assert (row["samples"], row["records"], row["imputed"], row["used"]) == (5, 120, 90, 1.0)
    rows = json.loads((tmp_path / "x.samples_mqc.json").read_text())["data"]
    assert list(rows) == sample_names(5)
    assert all(each["call_rate"] == 1 for each in rows.values())
    phased = invoke("impute", *words, "--out", tmp_path / "phased", "--report", "--no-impute")
    assert phased.exit_code == 0, phased.output
    assert "Estimated accuracy" not in (tmp_path / "phased.report.html").read_text()


@pytest.mark.parametrize("option", ["--ref", "--gt"])
def test_a_report_needs_files(tmp_path: Path, option: str) -> None:
    inputs = {"--ref": tmp_path / "r.vcf", "--gt": tmp_path / "g.vcf", option: "-"}
    words = [word for pair in inputs.items() for word in pair]
    result = invoke("impute", *words, "--out", tmp_path / "x", "--report")
    assert result.exit_code == 1
    assert f"error: --report needs inputs that can be read twice; found {option} -" in result.stderr


def test_a_report_needs_more_than_bgen(tmp_path: Path) -> None:
    result = invoke("impute", "--ref", "p", "--gt", "t", "--out", tmp_path / "x.bgen", "--report")
    assert result.exit_code == 1
    assert "--report needs an output with DR2; found BGEN" in result.stderr
    assert not list(tmp_path.iterdir())
