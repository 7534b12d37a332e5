"""Whole imputations of small files: rows, genotypes, statistics, chromosomes, options, bad input."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import cyvcf2
import numpy as np
import pytest
import torch
from builders import Rec, phased_records, sample_names, write_vcf, write_vcz
from numpy.typing import NDArray
from test_retrieval import mosaics

from spinimpute.config import ImputeConfig
from spinimpute.errors import SpinImputeError
from spinimpute.pipeline import impute
from spinimpute.prepare import build_panel
from spinimpute.provenance import sha256
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Spin
from spinimpute.tally import ImputeSummary

N_RECORDS, N_PANEL, N_TARGET = 400, 40, 5  # records of a chromosome, people
TYPED = slice(None, None, 6)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    Spin(SpinConfig(width=8, layers=1, context=12, heads=4)).save(folder)
    return str(folder)


def _chromosome(seed: int) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    rng = np.random.default_rng(seed)
    pos = np.cumsum(rng.integers(500, 9000, N_RECORDS))
    return pos, mosaics(rng, N_RECORDS, 2 * (N_PANEL + N_TARGET)).astype(np.int8)


def _panel(seed: int, chrom: str) -> list[Rec]:
    pos, alleles = _chromosome(seed)
    return phased_records(pos, alleles[:, : 2 * N_PANEL], chrom)


def _target(seed: int, chrom: str) -> list[Rec]:
    pos, alleles = _chromosome(seed)
    typed = alleles[TYPED, 2 * N_PANEL :].copy()
    typed[3, 4] = typed[5, :2] = -1
    return phased_records(pos[TYPED], typed, chrom)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A panel and a target with chromosomes 20 and 21."""
    folder = tmp_path_factory.mktemp("files")
    panel, target = folder / "panel.bcf", folder / "target.vcf.gz"
    write_vcf(panel, _panel(1, "20") + _panel(2, "21"), sample_names(N_PANEL, "p"))
    write_vcf(target, _target(1, "20") + _target(2, "21"), sample_names(N_TARGET, "t"))
    return panel, target


@pytest.fixture
def config(files: tuple[Path, Path], model: str, tmp_path: Path) -> ImputeConfig:
    return ImputeConfig(
        ref=files[0], gt=files[1], out=str(tmp_path / "out"), model=model, window=1.0, overlap=1.6
    )


@pytest.fixture
def done(config: ImputeConfig) -> ImputeSummary:
    return impute(replace(config, ap=True, gp=True))


def _header(path: Path) -> list[str]:
    with gzip.open(path, "rt") as file:
        return [line.rstrip() for line in file if line.startswith("#")]


def _body(path: Path) -> list[str]:
    with gzip.open(path, "rt") as file:
        return [line for line in file if not line.startswith("#")]


def test_one_row_for_every_panel_record_in_panel_order(done: ImputeSummary, files: tuple[Path, Path]) -> None:
    def keys(path: Path) -> list[tuple[str, int, str, list[str]]]:
        return [(r.CHROM, r.POS, r.REF, r.ALT) for r in cyvcf2.VCF(str(path))]

    assert keys(done.output) == keys(files[0])
    assert (done.records, done.samples, done.panel_haplotypes) == (2 * N_RECORDS, N_TARGET, 2 * N_PANEL)
    assert done.typed == 2 * len(range(0, N_RECORDS, 6))
    assert done.imputed == done.records - done.typed
    assert done.fates == {"used": done.typed}


def test_observed_genotypes_are_unchanged_and_missing_ones_filled(
    done: ImputeSummary, files: tuple[Path, Path]
) -> None:
    out = {(r.CHROM, r.POS): r for r in cyvcf2.VCF(str(done.output))}
    for record in cyvcf2.VCF(str(files[1])):
        found = out[record.CHROM, record.POS]
        given, written = record.genotype.array()[:, :2], found.genotype.array()[:, :2]
        np.testing.assert_array_equal(written[given >= 0], given[given >= 0])
        assert (written >= 0).all()
        whole = (given >= 0).all(axis=1)
        np.testing.assert_allclose(found.format("DS")[whole, 0], given[whole].sum(axis=1))
        assert "IMP" not in dict(found.INFO)


def test_fields_agree_with_each_other(done: ImputeSummary) -> None:
    for record in cyvcf2.VCF(str(done.output)):
        first, second = record.format("AP1")[:, 0], record.format("AP2")[:, 0]
        np.testing.assert_allclose(record.format("DS")[:, 0], first + second, atol=1.1e-3)
        expected = np.stack([(1 - first) * (1 - second), first + second - 2 * first * second, first * second])
        np.testing.assert_allclose(record.format("GP"), expected.T, atol=2e-3)
        doses = np.stack([first, second])
        assert record.INFO["AF"] == pytest.approx(doses.mean(), abs=1e-3)
        p = doses.mean()
        if 0.01 < p < 0.99:
            assert record.INFO["DR2"] == pytest.approx(doses.var() / (p * (1 - p)), abs=0.02)


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="needs bcftools")
def test_bcftools_reads_output_and_index(done: ImputeSummary) -> None:
    count = subprocess.run(
        ["bcftools", "index", "-n", done.output], capture_output=True, text=True, check=True
    ).stdout
    assert int(count) == done.records
    subprocess.run(
        ["bcftools", "view", "-Ob", "-o", "/dev/null", done.output], check=True, capture_output=True
    )


def test_the_body_is_the_same_for_any_number_of_threads(config: ImputeConfig, tmp_path: Path) -> None:
    bodies = []
    for threads in (1, 2, 4):
        summary = impute(replace(config, nthreads=threads, out=str(tmp_path / f"t{threads}")))
        bodies.append(_body(summary.output))
    assert bodies[0] == bodies[1] == bodies[2]


def test_bcf_holds_the_same_as_vcf(config: ImputeConfig, tmp_path: Path) -> None:
    text = impute(config).output
    binary = impute(replace(config, out=str(tmp_path / "same.bcf"))).output
    for one, other in zip(cyvcf2.VCF(str(text)), cyvcf2.VCF(str(binary)), strict=True):
        assert str(one) == str(other)


def test_a_region(config: ImputeConfig) -> None:
    pos, _ = _chromosome(2)
    low, high = int(pos[50]), int(pos[149])
    rows = _body(impute(replace(config, chrom=f"21:{low}-{high}")).output)
    assert len(rows) == 100
    assert {row.split("\t")[0] for row in rows} == {"21"}


def test_chromosome_names_with_and_without_chr(config: ImputeConfig, tmp_path: Path) -> None:
    target = tmp_path / "chr.vcf.gz"
    records = [replace(record, chrom=f"chr{record.chrom}") for record in _target(1, "20")]
    write_vcf(target, records, sample_names(N_TARGET, "t"), contigs={"chr20": None})
    renamed = _body(impute(replace(config, gt=target)).output)
    plain = [row for row in _body(impute(config).output) if row.startswith("20\t")]
    assert renamed == plain


def test_a_chromosome_in_one_file_only_is_left_out(
    config: ImputeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "two.vcf.gz"
    write_vcf(target, _target(1, "20") + _target(3, "22"), sample_names(N_TARGET, "t"))
    rows = _body(impute(replace(config, gt=target)).output)
    assert {row.split("\t")[0] for row in rows} == {"20"}
    assert "chromosome 21 is only in the panel and is left out" in caplog.messages
    assert "chromosome 22 is only in the target and is not imputed" in caplog.messages


def test_excluded_markers_and_samples(config: ImputeConfig, tmp_path: Path) -> None:
    pos, _ = _chromosome(1)
    markers, samples = tmp_path / "markers.txt", tmp_path / "samples.txt"
    markers.write_text(f"20:{pos[0]}\n20:{pos[1]}\n")
    samples.write_text("t1\np0\n")
    summary = impute(replace(config, exclude_markers=markers, exclude_samples=samples))
    assert summary.records == 2 * N_RECORDS - 2
    assert summary.fates["filtered"] == 1
    assert cyvcf2.VCF(str(summary.output)).samples == ["t0", "t2", "t3", "t4"]
    assert summary.panel_haplotypes == 2 * N_PANEL - 2


def test_shared_samples(config: ImputeConfig, tmp_path: Path) -> None:
    target = tmp_path / "shared.vcf.gz"
    write_vcf(target, _target(1, "20"), ["t0", "p7", "t2", "t3", "t4"])
    shared = replace(config, gt=target)
    with pytest.raises(SpinImputeError, match=r"panel and target must not share samples.*p7"):
        impute(shared)
    assert impute(replace(shared, allow_overlap=True)).panel_haplotypes == 2 * N_PANEL - 2


def test_no_version_drops_provenance(config: ImputeConfig, tmp_path: Path) -> None:
    headers = []
    for flag in (False, True):
        out = impute(replace(config, no_version=flag, out=str(tmp_path / f"v{flag}"))).output
        with gzip.open(out, "rt") as file:
            headers.append([line for line in file if line.startswith("##")])
    assert any(line.startswith("##source=spinimpute") for line in headers[0])
    assert any("sha256:" in line for line in headers[0])
    assert not any("spinimpute" in line for line in headers[1])


def test_few_typed_variants(config: ImputeConfig, tmp_path: Path) -> None:
    for n in (1, 2, 3):
        target = tmp_path / f"few{n}.vcf.gz"
        write_vcf(target, _target(1, "20")[:n], sample_names(N_TARGET, "t"))
        summary = impute(replace(config, gt=target, out=str(tmp_path / f"out{n}")))
        assert (summary.records, summary.typed) == (N_RECORDS, n)


def test_a_panel_of_two_haplotypes(config: ImputeConfig, tmp_path: Path) -> None:
    panel = tmp_path / "two.vcf.gz"
    pos, alleles = _chromosome(1)
    write_vcf(panel, phased_records(pos, alleles[:, :2], "20"), ["p0"])
    assert impute(replace(config, ref=panel)).records == N_RECORDS


def _cut(path: Path, tmp_path: Path, keep: float) -> Path:
    content = path.read_bytes()
    cut = tmp_path / f"cut{path.suffix}"
    cut.write_bytes(content[: int(len(content) * keep)])
    return cut


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("absent", "does not exist"),
        ("empty", "the file is empty"),
        ("truncated", "truncated"),
        ("text", "VCF"),
        ("unphased", "20:700 sample p0: panel genotypes must be phased"),
        ("missing", "20:700 sample p0: panel genotypes must not be missing"),
        ("unsorted", "sorted by position"),
        ("elsewhere", "panel and target must share a site"),
        ("other chromosome", "panel and target must share a chromosome"),
    ],
)
def test_bad_panels_give_one_line_and_no_output(
    fault: str, message: str, config: ImputeConfig, files: tuple[Path, Path], tmp_path: Path
) -> None:
    bad = _bad_panel(fault, files[0], tmp_path)
    with pytest.raises(SpinImputeError, match=r".*") as caught:
        impute(replace(config, ref=bad))
    text = str(caught.value)
    assert "\n" not in text
    assert re.search(message, text), text
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("out")]


def _bad_panel(fault: str, good: Path, tmp_path: Path) -> Path:
    path = tmp_path / "bad.vcf.gz"
    samples = sample_names(N_PANEL, "p")
    records = _panel(1, "20")
    if fault == "empty":
        path.write_bytes(b"")
    elif fault == "truncated":
        return _cut(good, tmp_path, 0.6)
    elif fault == "text":
        path = tmp_path / "bad.vcf"
        path.write_text("chr,pos\n1,2\n")
    elif fault in ("unphased", "missing"):
        genotype = "0/1" if fault == "unphased" else ".|."
        bad = replace(records[0], pos=700, columns=(genotype, *records[0].columns[1:]))
        write_vcf(path, [replace(bad, pos=700), *[r for r in records if r.pos > 700]], samples)
    elif fault == "unsorted":
        write_vcf(path, [records[5], records[4], *records[6:]], samples)
    elif fault == "elsewhere":
        write_vcf(path, [replace(r, pos=r.pos + 100_000_000) for r in records[:20]], samples)
    elif fault == "other chromosome":
        write_vcf(path, [replace(r, chrom="X") for r in records], samples, contigs={"X": None})
    return path


@pytest.mark.parametrize("name", ["target", "panel"])
def test_output_must_not_be_an_input(name: str, config: ImputeConfig, files: tuple[Path, Path]) -> None:
    path = files[1] if name == "target" else files[0]
    before = path.read_bytes()
    with pytest.raises(SpinImputeError, match="input"):
        impute(replace(config, out=str(path)))
    assert path.read_bytes() == before


def test_a_bad_map_names_its_line(config: ImputeConfig, tmp_path: Path) -> None:
    path = tmp_path / "bad.map"
    path.write_text("20 . 0.0 100\n20 . x 200\n")
    with pytest.raises(SpinImputeError, match=r"bad\.map line 2"):
        impute(replace(config, map=path))


def _unphased(records: list[Rec]) -> list[Rec]:
    """The records with the alleles of every genotype in ascending order, and / between them."""
    return [
        replace(r, columns=tuple("/".join(sorted(column.split("|"))) for column in r.columns))
        for r in records
    ]


def test_an_unphased_target_is_phased_first(
    config: ImputeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "spinimpute")
    target = tmp_path / "unphased.vcf.gz"
    write_vcf(target, _unphased(_target(1, "20") + _target(2, "21")), sample_names(N_TARGET, "t"))
    given = {(r.CHROM, r.POS): r.genotype.array()[:, :2] for r in cyvcf2.VCF(str(target))}
    bodies = []
    for threads in (1, 3):
        out = impute(replace(config, gt=target, nthreads=threads, out=str(tmp_path / f"p{threads}"))).output
        bodies.append(_body(out))
    assert bodies[0] == bodies[1]
    assert any("are unphased and are phased first" in message for message in caplog.messages)
    assert any("from each other too" in message for message in caplog.messages)
    for record in cyvcf2.VCF(str(out)):
        genotypes = record.genotype.array()
        assert genotypes[:, 2].all()
        asked = given.get((record.CHROM, record.POS))
        if asked is not None:
            whole = (asked >= 0).all(axis=1)
            assert (np.sort(genotypes[whole, :2]) == np.sort(asked[whole])).all()


def test_phasing_alone_writes_the_typed_records(
    config: ImputeConfig, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """Phased genotypes are kept as they are, and missing alleles are filled."""
    summary = impute(replace(config, impute=False, model="no such model"))
    target = list(cyvcf2.VCF(str(files[1])))
    assert (summary.records, summary.typed, summary.imputed) == (len(target), len(target), 0)
    for record, given in zip(cyvcf2.VCF(str(summary.output)), target, strict=True):
        assert (record.CHROM, record.POS, record.ID) == (given.CHROM, given.POS, given.ID)
        expected, found = given.genotype.array()[:, :2], record.genotype.array()[:, :2]
        assert (found[expected >= 0] == expected[expected >= 0]).all()
        assert (found >= 0).all()


def test_phasing_alone_of_an_unphased_target(config: ImputeConfig, tmp_path: Path) -> None:
    target = write_vcf(tmp_path / "u.vcf", _unphased(_target(1, "20")), sample_names(N_TARGET, "t"))
    out = impute(replace(config, gt=target, impute=False, no_version=True)).output
    assert not any("spinimpute" in line for line in _header(out) if line.startswith("##"))
    for record in cyvcf2.VCF(str(out)):
        assert record.genotype.array()[:, 2].all()
        assert (record.genotype.array() >= 0).all()


@pytest.mark.parametrize("kind", ["panel.vcf.gz", "panel.vcz", "panel.vcz.zip", "panel.spanel"])
@pytest.mark.parametrize("chrom", [None, "21:300000-1200000"])
def test_the_kind_of_panel_changes_nothing(
    config: ImputeConfig, tmp_path: Path, kind: str, chrom: str | None
) -> None:
    config = replace(config, chrom=chrom)
    path = tmp_path / kind
    if path.suffix == ".spanel":
        build_panel(config.ref, path)
    else:
        write = write_vcf if kind.endswith(".gz") else write_vcz
        write(path, _panel(1, "20") + _panel(2, "21"), sample_names(N_PANEL, "p"))
    expected = impute(config).output
    found = impute(replace(config, ref=path, out=str(tmp_path / "again"))).output
    assert _body(found) == _body(expected)
    if path.suffix == ".spanel":
        digests = [
            line
            for out in (found, expected)
            for line in _header(out)
            if line.startswith("##spinimputePanel=")
        ]
        assert digests == [f"##spinimputePanel=sha256:{sha256(config.ref)}"] * 2


def test_a_target_in_vcf_zarr(config: ImputeConfig, tmp_path: Path) -> None:
    records = _target(1, "20") + _target(2, "21")
    target = write_vcz(tmp_path / "target.vcz", records, sample_names(N_TARGET, "t"))
    expected = impute(config).output
    found = impute(replace(config, gt=target, out=str(tmp_path / "again"))).output
    assert _body(found) == _body(expected)


def test_samples_shared_with_a_prepared_panel(config: ImputeConfig, tmp_path: Path) -> None:
    path = tmp_path / "panel.spanel"
    build_panel(config.ref, path)
    target = write_vcf(tmp_path / "target.vcf", _target(1, "20"), ["p0", *sample_names(N_TARGET - 1, "t")])
    config = replace(config, gt=target)
    with pytest.raises(SpinImputeError, match="share samples"):
        impute(replace(config, ref=path))
    config = replace(config, allow_overlap=True)
    expected = impute(config).output
    found = impute(replace(config, ref=path, out=str(tmp_path / "again"))).output
    assert _body(found) == _body(expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_doses_of_a_cpu(config: ImputeConfig) -> None:
    """To .002: sums are taken in another order there."""
    doses = []
    for device in ("cpu", "cuda"):
        done = impute(replace(config, device=device, out=f"{config.out}.{device}"))
        doses.append(np.array([record.format("DS") for record in cyvcf2.VCF(str(done.output))]))
    np.testing.assert_allclose(doses[1], doses[0], atol=0.002)
