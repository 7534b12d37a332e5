"""What a run's report counts, against loops over the files."""

from __future__ import annotations

from pathlib import Path

import cyvcf2
import numpy as np
import pytest
from builders import phased_records, rec, sample_names, write_vcf
from evaluation_sets import IMP, META, PEOPLE, EvaluationSet, make_set

from spinimpute.config import MAF_EDGES
from spinimpute.io.region import Region
from spinimpute.report.run_page import RunTotals, call_rates, confidences, findings, used, well_imputed
from spinimpute.report.run_sums import COMMON, WELL, sum_run


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> EvaluationSet:
    return make_set(tmp_path_factory.mktemp("run"), seed=2)


def test_sums_agree_with_a_loop(files: EvaluationSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spinimpute.report.run_sums.FAR", 0.06)
    sums = sum_run(files.flagged, files.panel, files.typed)
    by_maf = np.zeros((len(MAF_EDGES), 3))
    confidence: list[list[float]] = [[] for _ in range(PEOPLE)]
    panel = {}
    for record in cyvcf2.VCF(str(files.panel)):
        for i, alt in enumerate(record.ALT):
            share = np.mean(record.genotype.array()[:, :2] == i + 1)
            panel[record.CHROM, record.POS, record.REF, alt] = float(share)
    typed, far, common_count = [], 0, 0
    for record in cyvcf2.VCF(str(files.flagged)):
        for i, alt in enumerate(record.ALT):
            af, dr2 = (np.atleast_1d(record.INFO.get(name))[i] for name in ("AF", "DR2"))
            if not record.INFO.get("IMP"):
                if (key := (record.CHROM, record.POS, record.REF, alt)) in panel:
                    typed.append((panel[key], af))
                    far += abs(panel[key] - af) >= 0.06
                continue
            maf = min(af, 1 - af)
            bins = [b for b in range(len(MAF_EDGES) - 1) if MAF_EDGES[b] < maf <= MAF_EDGES[b + 1]]
            by_maf[bins[0] if bins else -1] += 1, dr2, dr2 >= WELL
            if maf >= COMMON:
                common_count += 1
                calls = (record.genotype.array()[:, :2] == i + 1).sum(axis=1)
                for sample, (dose, call) in enumerate(zip(record.format("DS")[:, i], calls, strict=True)):
                    confidence[sample].append(1 - abs(dose - call))
    np.testing.assert_allclose(sums.by_maf, by_maf, rtol=1e-6)
    np.testing.assert_allclose(confidences(sums), [np.mean(each) for each in confidence], rtol=1e-6)
    assert sums.frequencies.sum() == len(typed)
    assert sums.far == far > 10 == len(sums.outliers)
    gaps = [abs(each.panel - each.target) for each in sums.outliers]
    assert gaps == sorted(gaps, reverse=True)
    along = sum(held.sum(axis=0) for held in sums.along.values())
    assert along[0] == common_count
    assert well_imputed(sums)[1] == by_maf[3:-1, 0].sum()
    missing = np.zeros(PEOPLE)
    records = list(cyvcf2.VCF(str(files.typed)))
    for record in records:
        missing += record.genotype.array()[:, :2].min(axis=1) < 0
    # Samples stand in the output's order.
    np.testing.assert_allclose(call_rates(sums), (1 - missing / len(records))[::-1])


def test_a_region(files: EvaluationSet) -> None:
    sums = sum_run(files.flagged, files.panel, files.typed, Region("21"))
    assert sums.calls[0, 0] == sum(record.CHROM == "21" for record in cyvcf2.VCF(str(files.typed)))


def test_target_only_records_are_no_estimates(tmp_path: Path) -> None:
    """Records as impute --keep-target-only writes them: every field but GT is missing."""
    rows = [
        rec(5, "A", "C", "0|1:1.000", "0|0:0.000", fmt="GT:DS", info="AF=0.25;DR2=1"),
        rec(6, "A", "C,G", "1|2:.", "0|0:.", fmt="GT:DS", info="TYPED_ONLY"),
        rec(8, "A", "C", "0|1:0.900", "0|0:0.000", fmt="GT:DS", info="AF=0.225;DR2=0.9;IMP"),
    ]
    flag = IMP.replace("=IMP,", "=TYPED_ONLY,")
    output = write_vcf(tmp_path / "o.vcf", rows, meta=(*META, IMP, flag))
    alleles = np.array([[0, 1], [1, 1]], np.int8)
    panel = write_vcf(tmp_path / "p.vcf", phased_records([5, 8], alleles), sample_names(1, "p"))
    target = write_vcf(tmp_path / "t.vcf", [rec(5, "A", "C", "0|1", "0|0"), rec(6, "A", "C,G", "1|2", "0|0")])
    sums = sum_run(output, panel, target)
    assert sums.frequencies.sum() == 1
    assert sums.by_maf[:, 0].sum() == 1
    assert well_imputed(sums) == (1, 1)


def test_findings(files: EvaluationSet, tmp_path: Path) -> None:
    sums = sum_run(files.flagged, files.panel, files.typed)
    poor = RunTotals("x", 120, 160, 40, 120, 0.5, {"used": 40, "target-only": 60})
    assert used(poor) == 0.4
    sums.far = int(sums.frequencies.sum()) // 10
    found = " / ".join(findings(poor, sums))
    assert "only 40 % of the target's variants were used" in found
    assert "differs from the panel's" in found
    sums.far = 0
    sums.calls[:, 1] = sums.calls[:, 0]
    good = RunTotals("x", 120, 160, 40, 120, 0.5, {"used": 40})
    assert list(findings(good, sums)) == []
    sums.calls[3, 1] = 1
    (line,) = findings(good, sums)
    assert line.startswith(f"1 of 12 samples have a call rate below 95 %; the lowest is {sums.samples[3]}")


def test_samples_left_out_do_not_count_in_the_panel(files: EvaluationSet) -> None:
    everyone = sum_run(files.flagged, files.panel, files.typed)
    some = sum_run(files.flagged, files.panel, files.typed, excluded=[f"p{i}" for i in range(58)])
    assert some.frequencies.sum() == everyone.frequencies.sum()
    # Two people have four haplotypes: their frequencies are quarters.
    assert set(np.flatnonzero(some.frequencies.sum(axis=1))) <= {0, 10, 20, 30, 39}
