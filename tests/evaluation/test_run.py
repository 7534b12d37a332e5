"""Whole evaluations, against dictionaries and loops; formats, order, bad input."""

from __future__ import annotations

import gzip
import math
from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import phased_records, rec, sample_names, write_vcf, write_vcz
from evaluation_sets import META, PEOPLE, EvaluationSet, make_set
from reference import Scored, pearson_r2, scored_variants

from spinimpute.errors import SpinImputeError
from spinimpute.evaluation.comparison import Fate, Files
from spinimpute.evaluation.measures import MIN_MINOR, r2
from spinimpute.evaluation.run import Evaluation, Measures, evaluate

EDGES = (0.0, 0.01, 0.1, 0.5)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> EvaluationSet:
    return make_set(tmp_path_factory.mktemp("set"))


def kind(key: tuple[str, int, str, str]) -> str:
    ref, alt = key[2:]
    if "<" in alt or (len(ref) == len(alt) > 1):
        return "other"
    return "SNP" if len(ref) == len(alt) else "indel"


def check(found: Measures, scored: list[Scored], samples: slice = slice(None)) -> None:
    """Compare the measures of a group with loops over its genotypes."""
    genotypes = [g for each in scored for g in each.genotypes[samples] if g[1] is not None]
    assert (found.variants, found.genotypes) == (len(scored), len(genotypes))
    pairs = [(dose, float(true)) for dose, true, _ in genotypes if true is not None]
    assert found.r2 == pytest.approx(pearson_r2(pairs), rel=1e-5, nan_ok=True)
    calls = [(true, call) for _, true, call in genotypes]
    right = sum(true == call for true, call in calls)
    judged = [pair for pair in calls if pair != (0, 0)]
    expected = (
        right / len(calls) if calls else math.nan,
        (sum(true == call for true, call in judged) / len(judged) if judged else math.nan),
    )
    assert found.concordance == pytest.approx(expected, nan_ok=True)
    edges = np.linspace(0, 2, 21).tolist()
    by_dose: dict[int, list[tuple[float, float]]] = {}
    for dose, true in pairs:
        by_dose.setdefault(min(20, bisect_right(edges, float(np.float32(dose)))), []).append((dose, true))
    distance = sum(abs(sum(d - t for d, t in group)) for group in by_dose.values())
    expected_error = distance / len(pairs) if pairs else math.nan
    assert found.calibration_error == pytest.approx(expected_error, rel=1e-4, abs=1e-6, nan_ok=True)
    if samples == slice(None):
        each = [variant_r2(one, 1) for one in scored]
        defined = [value for value in each if not math.isnan(value)]
        mean = sum(defined) / len(defined) if defined else math.nan
        assert found.mean_variant_r2 == pytest.approx(mean, rel=1e-5, nan_ok=True)


def variant_r2(one: Scored, least: int) -> float:
    pairs = [(dose, float(true)) for dose, true, _ in one.genotypes if true is not None]
    minor = sum(true for _, true in pairs)
    if min(minor, 2 * len(pairs) - minor) < least:
        return math.nan
    value = pearson_r2(pairs)
    return 0.0 if math.isnan(value) else value


def compare_all(found: Evaluation, scored: list[Scored], edges: tuple[float, ...]) -> None:
    check(found.overall, scored)
    rows = {row.name: row for row in found.by_maf}
    for low, high in pairwise(edges):
        name = f"{low:g}-{high:g}"
        inside = [one for one in scored if low < min(one.frequency, 1 - one.frequency) <= high]
        check(rows[name], inside)
        for kind_name in ("SNP", "indel", "other"):
            both = [row for row in found.by_maf_and_type if row.name == f"{name} {kind_name}"]
            some = [one for one in inside if kind(one.key) == kind_name]
            assert len(both) == bool(some)
            for row in both:
                check(row, some)
    for row in found.by_type:
        check(row, [one for one in scored if kind(one.key) == row.name])
    for column, row in enumerate(found.by_sample):
        check(row, scored, slice(column, column + 1))


@pytest.mark.parametrize(("panel", "typed"), [(True, True), (True, False), (False, True), (False, False)])
def test_agrees_with_dictionaries_and_loops(files: EvaluationSet, panel: bool, typed: bool) -> None:
    given = files.panel if panel else None, files.typed if typed else None
    scored = scored_variants(files.truth, files.imputed, *given)
    found = evaluate(Files(files.truth, files.imputed, *given), EDGES)
    compare_all(found, scored, EDGES)
    assert found.samples == tuple(sample_names(PEOPLE))
    assert bool(found.fates.get(Fate.PRIOR)) == panel
    assert found.fates[Fate.COMPARED] + found.fates.get(Fate.PRIOR, 0) == len(scored)
    assert found.fates[Fate.COMPARED] == sum(one.estimated is not None for one in scored)
    assert len(found.notes) == (not panel) + (not typed)


def test_estimates_are_compared_with_true_r2(files: EvaluationSet) -> None:
    scored = scored_variants(files.truth, files.imputed, files.panel, files.typed)
    pairs = [(one.estimated, variant_r2(one, MIN_MINOR)) for one in scored if one.estimated is not None]
    pairs = [pair for pair in pairs if not math.isnan(pair[1])]
    found = evaluate(Files(files.truth, files.imputed, files.panel, files.typed))
    assert found.estimate == "DR2"
    assert found.estimates.cells.sum() == found.estimates.bins[:, 0].sum() == len(pairs) > 20
    x, y = np.array(pairs).T
    assert found.estimates.correlation == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-4)


def test_sums_along_the_chromosomes_add_up(files: EvaluationSet) -> None:
    found = evaluate(Files(files.truth, files.imputed, files.panel, files.typed))
    assert list(found.along) == ["20", "21"]
    total = sum(held.sum(axis=0) for held in found.along.values())
    assert r2(total) == pytest.approx(found.overall.r2)
    assert total[0] == found.overall.genotypes


def test_flags_tell_what_was_typed(files: EvaluationSet) -> None:
    flagged = evaluate(Files(files.truth, files.flagged, files.panel))
    typed = evaluate(Files(files.truth, files.imputed, files.panel, files.typed))
    # A typed record that the imputed file lacks has no flag.
    assert flagged.fates[Fate.TYPED] <= typed.fates[Fate.TYPED]
    assert flagged.fates[Fate.COMPARED] == typed.fates[Fate.COMPARED]
    assert flagged.notes == ()


def same(one: Evaluation, other: Evaluation) -> bool:
    def numbers(found: Evaluation) -> list[Any]:
        return [
            (row.group, row.name, row.variants, row.genotypes, row.r2, row.mean_variant_r2, *row.concordance)
            for row in found.rows()
        ]

    first, second = numbers(one), numbers(other)
    assert [row[:4] for row in first] == [row[:4] for row in second]
    for a, b in zip(first, second, strict=True):
        assert a[4:] == pytest.approx(b[4:], rel=1e-9, nan_ok=True)
    return one.fates == other.fates


def small(samples: int) -> int:
    return 3


def test_size_of_blocks_does_not_matter(files: EvaluationSet, monkeypatch: pytest.MonkeyPatch) -> None:
    given = Files(files.truth, files.imputed, files.panel, files.typed)
    whole = evaluate(given, EDGES)
    for module in ("comparison", "dosage_file"):
        where = f"spinimpute.{'io' if module == 'dosage_file' else 'evaluation'}.{module}.block_records"
        monkeypatch.setattr(where, small)
    assert same(evaluate(given, EDGES), whole)


@pytest.mark.parametrize(
    ("suffix", "index"), [(".vcf", False), (".bcf", False), (".bcf", True), (".vcf.gz", False)]
)
def test_format_and_index_do_not_matter(
    files: EvaluationSet, tmp_path: Path, suffix: str, index: bool
) -> None:
    other = make_set(tmp_path, suffix=suffix, index=index)
    given = Files(other.truth, other.imputed, other.panel, other.typed)
    whole = evaluate(Files(files.truth, files.imputed, files.panel, files.typed), EDGES)
    assert same(evaluate(given, EDGES), whole)


@pytest.mark.parametrize("index", [True, False])
def test_order_and_names_of_chromosomes_do_not_matter(tmp_path: Path, index: bool) -> None:
    pos, rng = np.arange(1, 30), np.random.default_rng(1)
    alleles = rng.integers(0, 2, (2, 29, 12)).astype(np.int8)
    guesses = np.where(rng.random(alleles.shape) < 0.2, 1 - alleles, alleles)
    first, second = (phased_records(pos, a, chrom) for chrom, a in zip(("20", "21"), alleles, strict=True))
    truth = write_vcf(tmp_path / "truth.vcf.gz", first + second)
    there = [phased_records(pos, g, chrom) for chrom, g in zip(("chr20", "chr21"), guesses, strict=True)]
    contigs = {"chr21": None, "chr20": None}
    straight = write_vcf(
        tmp_path / "a.vcf.gz", phased_records(pos, guesses[0]) + phased_records(pos, guesses[1], "21")
    )
    turned = write_vcf(tmp_path / "b.vcf.gz", there[1] + there[0], contigs=contigs, index=index)
    assert same(evaluate(Files(truth, straight)), evaluate(Files(truth, turned)))


def test_zarr_is_compared_by_its_calls(files: EvaluationSet, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    alleles = rng.integers(0, 2, (50, 8)).astype(np.int8)
    guesses = np.where(rng.random(alleles.shape) < 0.2, 1 - alleles, alleles)
    truth, calls = (phased_records(np.arange(50) + 5, values) for values in (alleles, guesses))
    plain = Files(write_vcf(tmp_path / "t.vcf", truth), write_vcf(tmp_path / "c.vcf", calls))
    zarr = Files(write_vcz(tmp_path / "t.vcz", truth), write_vcz(tmp_path / "c.vcz", calls))
    assert same(evaluate(plain), evaluate(zarr))


def test_repeated_and_extra_variants_are_counted(tmp_path: Path) -> None:
    rows = [rec(p, "A", alt, "0|1", "0|0", "1|1") for p, alt in ((5, "C"), (5, "C"), (6, "C"), (7, "C"))]
    truth = write_vcf(tmp_path / "t.vcf", rows)
    extra = [rec(4, "A", "C", "0|1", "0|0", "1|1"), *rows, rec(6000, "A", "C", "0|1", "0|0", "1|1")]
    other = rec(3, "A", "C", "0|1", "0|0", "1|1", chrom="21")
    imputed = write_vcf(tmp_path / "i.vcf", [row for row in extra if row.pos != 7] + [other])
    found = evaluate(Files(truth, imputed))
    # The second of two equal records, 4 and 6000; other chromosomes than the truth's are not read.
    assert found.fates == {Fate.COMPARED: 2, Fate.ABSENT: 1, Fate.REPEATED: 1, Fate.ONLY_IMPUTED: 3}


def test_some_samples_are_enough(files: EvaluationSet, tmp_path: Path) -> None:
    rows = [rec(9, "A", "C", "0|1", "0|0"), rec(12, "A", "C", "1|1", "0|1")]
    truth = write_vcf(tmp_path / "t.vcf", rows, ["x", "y"])
    imputed = write_vcf(tmp_path / "i.vcf", rows, ["z", "y"])
    found = evaluate(Files(truth, imputed))
    assert found.samples == ("y",)
    assert any("1 of 2 samples" in note for note in found.notes)


def _no_shared_sample(folder: Path) -> Files:
    row = [rec(9, "A", "C", "0|1")]
    return Files(write_vcf(folder / "t.vcf", row, ["x"]), write_vcf(folder / "i.vcf", row, ["y"]))


def _no_shared_variant(folder: Path) -> Files:
    return Files(
        write_vcf(folder / "t.vcf", [rec(9, "A", "C", "0|1")]),
        write_vcf(folder / "i.vcf", [rec(9, "A", "G", "0|1")]),
    )


def _cut(folder: Path) -> Files:
    rows = [rec(p, "A", "C", "0|1") for p in range(1, 50)]
    path = write_vcf(folder / "i.vcf.gz", rows)
    path.write_bytes(path.read_bytes()[:-28])
    return Files(write_vcf(folder / "t.vcf", rows), path)


def _unsorted(folder: Path) -> Files:
    rows = [rec(p, "A", "C", "0|1") for p in (5, 9, 7)]
    return Files(write_vcf(folder / "t.vcf", rows[:2]), write_vcf(folder / "i.vcf", rows))


def _lacking(folder: Path) -> Files:
    rows = [rec(5, "A", "C", "0|1:0.5", fmt="GT:DS"), rec(6, "A", "C", "0|1")]
    truth = [rec(row.pos, "A", "C", "0|1") for row in rows]
    return Files(write_vcf(folder / "t.vcf", truth), write_vcf(folder / "i.vcf", rows, meta=META))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_no_shared_sample, "must share a sample"),
        (_no_shared_variant, "must share variants.*1 not imputed"),
        (_cut, "truncated"),
        (_unsorted, "i.vcf 20:7: records must be sorted"),
        (_lacking, "20:6: no DS field"),
        (lambda folder: Files(folder / "t.vcf", folder / "i.vcf"), "does not exist"),
    ],
)
def test_bad_input(make: Callable[[Path], Files], message: str, tmp_path: Path) -> None:
    with pytest.raises(SpinImputeError, match=message):
        evaluate(make(tmp_path), sites=tmp_path / "sites.tsv.gz")
    assert not list(tmp_path.glob("sites*"))


@pytest.mark.parametrize("edges", [(0.1,), (0.0, 0.6), (0.2, 0.1), (-0.1, 0.5), (0.1, 0.1), (0.0, math.nan)])
def test_edges_must_ascend(files: EvaluationSet, edges: tuple[float, ...]) -> None:
    with pytest.raises(SpinImputeError, match="must ascend"):
        evaluate(Files(files.truth, files.imputed), edges)


def test_variants_outside_the_bins_are_one_row(files: EvaluationSet) -> None:
    found = evaluate(Files(files.truth, files.imputed, files.panel), (0.1, 0.2))
    inside, outside = found.by_maf
    assert inside.variants + outside.variants == found.overall.variants
    assert outside.name == "outside"


def number(text: str) -> float:
    return math.nan if text == "NA" else float(text)


def test_the_table_of_sites_has_each_variant(files: EvaluationSet, tmp_path: Path) -> None:
    path = tmp_path / "sites.tsv.gz"
    evaluate(Files(files.truth, files.imputed, files.panel, files.typed), sites=path)
    head, *lines = [line.split("\t") for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    scored = scored_variants(files.truth, files.imputed, files.panel, files.typed)
    assert [(row["chrom"], int(row["pos"]), row["ref"], row["alt"]) for row in rows] == [
        one.key for one in scored
    ]
    for row, one in zip(rows, scored, strict=True):
        assert row["type"] == kind(one.key)
        assert float(row["frequency"]) == pytest.approx(one.frequency, rel=1e-5)
        expected = variant_r2(one, 1)
        assert number(row["r2"]) == pytest.approx(expected, rel=1e-4, nan_ok=True)
        estimated = math.nan if one.estimated is None else one.estimated
        assert number(row["estimated_r2"]) == pytest.approx(estimated, nan_ok=True)
        calls = [(true, call) for _, true, call in one.genotypes if true is not None]
        assert float(row["concordance"]) == pytest.approx(
            sum(a == b for a, b in calls) / len(calls), rel=1e-5
        )


def test_names_of_bins_have_no_exponent(files: EvaluationSet) -> None:
    found = evaluate(Files(files.truth, files.imputed), (0.0, 0.00001, 0.5))
    assert [row.name for row in found.by_maf if row.name != "outside"] == ["0-0.00001", "0.00001-0.5"]


def test_missing_truth_is_left_out(tmp_path: Path) -> None:
    rows = [rec(5, "A", "C", ".|.", ".|."), rec(6, "A", "C", "0|1", ".|1"), rec(7, "A", "C", "0|0", "1|1")]
    truth = write_vcf(tmp_path / "t.vcf", rows)
    guesses = [rec(5, "A", "C", "0|1", "0|0"), rec(6, "A", "C", "0|1", "0|0"), rec(7, "A", "C", ".|.", "1|1")]
    found = evaluate(Files(truth, write_vcf(tmp_path / "i.vcf", guesses)))
    assert (found.overall.variants, found.overall.genotypes) == (3, 2)
    assert found.overall.concordance == (1, 1)
    assert [row.genotypes for row in found.by_sample] == [1, 1]
