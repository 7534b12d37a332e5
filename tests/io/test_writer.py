from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
from builders import CONTIGS, sample_names
from builders import imputed_block as random_block
from hypothesis import given, settings
from hypothesis import strategies as st

from spinimpute.dosages import DoseSums
from spinimpute.errors import SpinImputeError
from spinimpute.io.deflate import BgzfWriter
from spinimpute.io.index_writer import IndexBuilder
from spinimpute.io.inputs import read_panel
from spinimpute.io.outputs import OutputNames
from spinimpute.io.rows import ImputedBlock, LeftOutBlock, RowFormat, TargetOnlyBlock, encode
from spinimpute.io.writer import DosageWriter
from spinimpute.sites import Sites

needs_bcftools = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")


def spell(value: float) -> str:
    return f"{np.rint(np.float32(value) * np.float32(1000)) / 1000:.3f}"


def slow_rows(block: ImputedBlock, ap: bool, gp: bool) -> list[str]:
    """The rows, formatted value by value."""
    sums = DoseSums.of(block.dosages)
    rows = []
    for r in range(len(block.sites)):
        variants = np.flatnonzero(block.record == r)
        doses = block.dosages[variants]
        info = []
        if len(variants):
            info = ["AF=" + ",".join(f"{x:.6f}" for x in sums.af[variants])]
            info.append("DR2=" + ",".join(f"{x:.4f}" for x in sums.dr2[variants]))
        info += [] if block.typed[r] else ["IMP"]
        cells = []
        for s in range(doses.shape[1] // 2):
            first, second = doses[:, 2 * s], doses[:, 2 * s + 1]
            alleles = []
            for h, dose in ((2 * s, first), (2 * s + 1, second)):
                whole = np.concatenate([[np.float32(1) - dose.sum(dtype=np.float32)], dose])
                seen = int(block.observed[r, h])
                alleles.append(seen if seen >= 0 else int(whole.argmax()))
            fields = [f"{alleles[0]}|{alleles[1]}", ",".join(map(spell, first + second)) or "."]
            if ap:
                fields += [",".join(map(spell, dose)) or "." for dose in (first, second)]
            if gp:
                a, b = (
                    np.concatenate([[max(0, np.float32(1) - d.sum(dtype=np.float32))], d])
                    for d in (first, second)
                )
                pairs = [(i, j) for j in range(len(a)) for i in range(j + 1)]
                fields.append(",".join(spell(a[i] * b[j] + (a[j] * b[i] if i != j else 0)) for i, j in pairs))
            cells.append(":".join(fields))
        sites = block.sites
        keys = "GT:DS" + (":AP1:AP2" if ap else "") + (":GP" if gp else "")
        fixed = [sites.chrom, str(sites.pos[r]), sites.ids[r], sites.ref[r], ",".join(sites.alts[r]) or "."]
        rows.append("\t".join([*fixed, ".", "PASS", ";".join(info) or ".", keys, *cells]))
    return rows


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([1, 1, 1, 2, 3, 0, 11]), min_size=1, max_size=12),
    st.integers(1, 4),
    st.integers(0, 1000),
    st.booleans(),
    st.booleans(),
)
def test_rows_against_slow_formatting(n_alts: list[int], samples: int, seed: int, ap: bool, gp: bool) -> None:
    block = random_block(n_alts, samples, seed)
    assert encode(block, RowFormat(ap, gp)).text.decode().splitlines() == slow_rows(block, ap, gp)


def test_row_by_hand() -> None:
    sites = Sites("20", np.array([7]), ["A"], [("C",)], ["rs7"])
    dosages = np.array([[0.0, 1.0, 0.25, 0.6]], np.float32)
    observed = np.array([[0, 1, -1, -1]], np.int8)
    block = ImputedBlock(sites, sites.record(), dosages, observed, np.array([True]))
    # AF = 1.85 / 4; DR2 = (4 (1 + .0625 + .36) - 1.85^2) / (4 1.85 - 1.85^2) = 2.2675 / 3.9775
    assert encode(block, RowFormat(ap=True, gp=True)).text.decode() == (
        "20\t7\trs7\tA\tC\t.\tPASS\tAF=0.462500;DR2=0.5701\tGT:DS:AP1:AP2:GP\t"
        "0|1:1.000:0.000:1.000:0.000,1.000,0.000\t0|1:0.850:0.250:0.600:0.300,0.550,0.150\n"
    )


def test_empirical_r2_stands_on_typed_rows() -> None:
    sites = Sites("20", np.array([7, 9]), ["A", "A"], [("C", "G"), ("C",)], [".", "."])
    alt = np.array([[1, 0, 1, 0]], np.float32)
    observed = np.array([[1, 0, 1, -1], [-1] * 4], np.int8)
    dosages = np.concatenate([alt, np.zeros_like(alt), np.full_like(alt, 0.5)])
    doses = np.array([[0.8, 0.1, 0.5, 0.9]], np.float32)
    left_out = LeftOutBlock(np.array([0]), doses, alt, observed[:1] >= 0)
    block = ImputedBlock(sites, sites.record(), dosages, observed, np.array([True, False]), left_out=left_out)
    first, second = encode(block, RowFormat()).text.decode().splitlines()
    # Of (.8, 1), (.1, 0), (.5, 1): (3 1.3 - 1.4 2)^2 / ((3 .9 - 1.4^2) (3 2 - 2^2)) = 1.21 / 1.48
    assert ";ER2=0.8176,.\t" in first
    assert "ER2" not in second


def test_haploid_row_by_hand() -> None:
    sites = Sites("X", np.array([7]), ["A"], [("C", "G")], ["."])
    dosages = np.array([[0.2, 0.2, 0.7, 0.1], [0.1, 0.1, 0.2, 0.4]], np.float32)
    observed = np.full((1, 4), -1, np.int8)
    block = ImputedBlock(
        sites, sites.record(), dosages, observed, np.array([False]), haploid=np.array([True, False])
    )
    (row,) = encode(block, RowFormat(ap=True)).text.decode().splitlines()
    # AF of C = (.2 + .7 + .1) / 3
    assert row.split("\t")[7].startswith("AF=0.333333,0.233333;")
    assert row.split("\t")[8:] == [
        "GT:DS:AP1:AP2", "0:0.200,0.100:0.200,0.100", "1|0:0.800,0.600:0.700,0.200:0.100,0.400",
    ]  # fmt: skip
    (row,) = encode(block, RowFormat(gp=True)).text.decode().splitlines()
    assert row.split("\t")[9] == "0:0.200,0.100"


def test_observed_alleles_win_over_doses() -> None:
    sites = Sites("20", np.array([7]), ["A"], [("C", "G")], ["."])
    block = ImputedBlock(
        sites,
        sites.record(),
        np.array([[0.9, 0.9], [0, 0]], np.float32),
        np.array([[2, -1]], np.int8),
        np.array([True]),
    )
    assert encode(block, RowFormat()).text.decode().split("\t")[-1] == "2|1:1.800,0.000\n"


@settings(deadline=None)
@given(st.lists(st.integers(1, 14), min_size=1, max_size=6), st.integers(0, 99))
def test_target_only_rows_stand_amid_the_others(positions: list[int], seed: int) -> None:
    """Behind the panel's at the same position, in their own order; the columns tell where each line is."""
    block = random_block([1, 0, 2, 1] * 2, seed=seed, begin=3)
    pos = np.sort(positions)
    sites = Sites("chr", pos, ["A" * (1 + i) for i in range(len(pos))], [("C",)] * len(pos), ["."] * len(pos))
    both = replace(block, target_only=TargetOnlyBlock(sites, np.zeros((len(pos), 6), np.int8)))
    rows = encode(both, RowFormat(gp=True))
    lines = rows.text.splitlines(keepends=True)
    assert rows.lengths.tolist() == [len(line) for line in lines]
    columns = [line.decode().split("\t") for line in lines]
    assert rows.pos.tolist() == [int(column[1]) for column in columns]
    assert rows.spans.tolist() == [len(column[3]) for column in columns]
    assert {column[0] for column in columns} == {"20"}
    order = [(int(column[1]), "TYPED_ONLY" in column[7], len(column[3])) for column in columns]
    assert order == sorted(order)
    without = [line for line in lines if b"TYPED_ONLY" not in line]
    assert b"".join(without) == encode(block, RowFormat(gp=True)).text
    assert len(lines) == len(without) + len(pos)


def write(
    folder: Path, out: str = "x.vcf.gz", blocks: list[ImputedBlock] | None = None, **options: Any
) -> OutputNames:
    names = OutputNames.from_out(str(folder / out))
    blocks = [random_block([1, 2, 1, 0, 3] * 40)] if blocks is None else blocks
    with DosageWriter(names, sample_names(3), CONTIGS, **options) as writer:
        for block in blocks:
            writer.write(block)
    return names


def kept(begin: int, count: int, samples: int = 3) -> TargetOnlyBlock:
    """Target-only records from begin on, two at each second position, with long REFs; the target's name for
    their chromosome is not the panel's.
    """
    pos = begin + np.arange(count) // 2 * 2
    sites = Sites("chr", pos, ["AC" * 50] * count, [("A", "C")] * count, ["."] * count)
    return TargetOnlyBlock(sites, np.arange(count * 2 * samples).reshape(count, -1).astype(np.int8) % 4 - 1)


def bcftools(*arguments: str | Path) -> str:
    run = subprocess.run(["bcftools", *map(str, arguments)], check=True, capture_output=True, text=True)
    assert run.stderr == ""
    return run.stdout


@needs_bcftools
class TestBcftools:
    @pytest.mark.parametrize("out", ["x.vcf.gz", "x.bcf"])
    @pytest.mark.parametrize("options", [{}, {"ap": True, "gp": True}])
    def test_accepts_the_file(self, tmp_path: Path, out: str, options: dict[str, bool]) -> None:
        names = write(tmp_path, out, **options)
        bcftools("view", "-Ob", "-o", tmp_path / "copy.bcf", names.vcf)
        assert bcftools("view", "-H", names.vcf).count("\n") == 200
        bcftools("index", "-f", "-o", tmp_path / "again", names.vcf)
        records = subprocess.run(["bcftools", "index", "-n", names.vcf], check=True, capture_output=True)
        assert records.stdout.strip() == b"200"
        assert bcftools("view", "-H", names.vcf, "20:11-20").count("\n") == 10

    def test_regions_as_by_its_own_index(self, tmp_path: Path) -> None:
        """On two chromosomes, with target-only records amid the others and before a chromosome's first."""
        blocks = [
            replace(random_block([1, 2, 1] * 60, begin=begin, chrom=chrom), target_only=kept(begin, 4))
            for chrom in ("20", "21")
            for begin in (16_300, 40_000, 40_180)
        ]
        names = write(tmp_path, blocks=blocks, target_only=True)
        copy = Path(shutil.copy(names.vcf, tmp_path / "copy.vcf.gz"))
        bcftools("index", "-t", copy)
        for tool in ("-n", "-s"):
            assert bcftools("index", tool, names.vcf) == bcftools("index", tool, copy) != ""
        for region in ("20", "21:1-16300", "21:16299-16301", "20:16380-16390", "21:40100-", "20:40179-40181"):
            ours, theirs = (bcftools("view", "-H", "-r", region, path) for path in (names.vcf, copy))
            assert ours == theirs != ""

    def test_bcf_holds_the_same_as_vcf(self, tmp_path: Path) -> None:
        query = [
            "query",
            "-f",
            r"%CHROM %POS %ID %REF %ALT %INFO/AF %INFO/DR2 %INFO/IMP[ %GT %DS %AP1 %AP2 %GP]\n",
        ]
        options = {"ap": True, "gp": True}
        one, two = (write(tmp_path, out, **options).vcf for out in ("x.vcf.gz", "y.bcf"))
        assert bcftools(*query, one) == bcftools(*query, two)

    def test_allele_frequency_agrees(self, tmp_path: Path) -> None:
        block = random_block([1] * 50, samples=20)
        names = write_samples(tmp_path, block, 20)
        printed = bcftools("query", "-f", r"%INFO/AF[ %DS]\n", names.vcf)
        for line in printed.splitlines():
            af, *doses = map(float, line.split())
            assert af == pytest.approx(sum(doses) / 40, abs=1e-3)


def write_samples(folder: Path, block: ImputedBlock, samples: int) -> OutputNames:
    names = OutputNames.from_out(str(folder / "x"))
    with DosageWriter(names, sample_names(samples), CONTIGS) as writer:
        writer.write(block)
    return names


@pytest.mark.parametrize("out", ["x.vcf.gz", "x.bcf"])
def test_our_reader_reads_it_back(tmp_path: Path, out: str) -> None:
    block = random_block([1, 2, 1, 3] * 30)
    (back,) = read_panel(write(tmp_path, out, [block]).vcf)
    assert back.sites.pos.tolist() == block.sites.pos.tolist()
    assert (back.sites.ref, back.sites.alts, back.sites.ids) == (
        block.sites.ref,
        block.sites.alts,
        block.sites.ids,
    )
    seen = block.observed >= 0
    assert (back.alleles[seen] == block.observed[seen]).all()


def test_header(tmp_path: Path) -> None:
    names = write(tmp_path, ap=True, gp=True, meta=["##source=spinimpute-1"])
    with pysam.VariantFile(str(names.vcf)) as file:
        assert list(file.header.samples) == sample_names(3)
        assert {name: contig.length for name, contig in file.header.contigs.items()} == dict(CONTIGS)
        assert "##source=spinimpute-1\n" in str(file.header)
        numbers = {key: field.number for key, field in file.header.formats.items()}
        assert numbers == {"GT": 1, "DS": "A", "AP1": "A", "AP2": "A", "GP": "G"}
        assert {key: field.number for key, field in file.header.info.items()} == {
            "AF": "A",
            "DR2": "A",
            "ER2": "A",
            "IMP": 0,
        }
    assert gzip.decompress(names.vcf.read_bytes()).startswith(b"##fileformat=VCFv4.3\n")


def test_contig_without_length(tmp_path: Path) -> None:
    names = OutputNames.from_out(str(tmp_path / "x"))
    with DosageWriter(names, sample_names(3), {"20": None}) as writer:
        writer.write(random_block([1]))
    with pysam.VariantFile(str(names.vcf)) as file:
        assert file.header.contigs["20"].length is None


@pytest.mark.parametrize("out", ["x.vcf.gz", "x.bcf"])
def test_chromosomes_that_no_header_declared(tmp_path: Path, out: str) -> None:
    names = OutputNames.from_out(str(tmp_path / out))
    with DosageWriter(names, sample_names(3), {"20": 64_444_167}) as writer:
        writer.write(random_block([1] * 5, chrom="20"))
        writer.write(random_block([1] * 5, chrom="scaffold_7"))
    with pysam.VariantFile(str(names.vcf)) as file:
        assert {name: c.length for name, c in file.header.contigs.items()} == {
            "20": 64_444_167,
            "scaffold_7": None,
        }
        assert [row.chrom for row in file] == ["20"] * 5 + ["scaffold_7"] * 5
    with pysam.VariantFile(str(names.vcf)) as file:
        assert [row.pos for row in file.fetch("scaffold_7", 1, 3)] == [2, 3]
    assert set(tmp_path.iterdir()) == {names.vcf, names.index}


def test_several_blocks_and_chromosomes(tmp_path: Path) -> None:
    blocks = [
        random_block([1] * 5, chrom="20"),
        random_block([1] * 5, begin=6),
        random_block([2] * 5, chrom="21"),
    ]
    names = write(tmp_path, blocks=blocks)
    with pysam.VariantFile(str(names.vcf)) as file:
        assert [(row.chrom, row.pos) for row in file.fetch("21", 1, 3)] == [("21", 2), ("21", 3)]
    with pysam.VariantFile(str(names.vcf)) as file:
        assert [row.pos for row in file] == [*range(1, 11), *range(1, 6)]


def test_blocks_make_no_difference(tmp_path: Path) -> None:
    whole = random_block([1] * 20)
    parts = [
        ImputedBlock(
            whole.sites.take(rows),
            np.arange(rows.stop - rows.start, dtype=np.int32),
            whole.dosages[rows],
            whole.observed[rows],
            whole.typed[rows],
        )
        for rows in (slice(0, 7), slice(7, 20))
    ]
    one, two = write(tmp_path, "x", [whole]), write(tmp_path, "y", parts)
    assert one.vcf.read_bytes() == two.vcf.read_bytes()


def test_no_records(tmp_path: Path) -> None:
    names = write(tmp_path, blocks=[])
    assert names.vcf.exists()
    assert names.index.exists()


def test_the_index_suits_the_positions(tmp_path: Path) -> None:
    for begin, kind in ((1 << 29, "csi"), (1 << 30, "csi"), (100, "tbi")):
        names = OutputNames.from_out(str(tmp_path / "x"))
        with DosageWriter(names, sample_names(3), {"20": 1 << 31}) as writer:
            writer.write(random_block([1], begin=begin))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["x.vcf.gz", f"x.vcf.gz.{kind}"]
        with pysam.VariantFile(str(names.vcf)) as file:
            assert [row.pos for row in file.fetch("20", begin - 5, begin + 5)] == [begin]


def test_a_tail_that_is_lost_after_it_was_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object) -> bytes:
        (partial,) = tmp_path.glob("x.vcf.gz.partial")
        os.truncate(partial, partial.stat().st_size - 1)
        return b""

    monkeypatch.setattr(IndexBuilder, "content", lose)
    with pytest.raises(SpinImputeError, match="found the end of the file is missing"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_rows_that_are_not_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(writer: BgzfWriter, data: bytes) -> None:
        keep(writer, data.replace(b"\trs7\t", b"\trs7\n\t"))

    keep = BgzfWriter.write
    monkeypatch.setattr(BgzfWriter, "write", forget)
    with pytest.raises(SpinImputeError, match="found 200 records were written and 201 can be read back"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("out", ["x.vcf.gz", "x.bcf"])
class TestAtomic:
    def test_only_final_names_remain(self, tmp_path: Path, out: str) -> None:
        names = write(tmp_path, out)
        assert set(tmp_path.iterdir()) == {names.vcf, names.index}

    def test_exception_leaves_nothing(self, tmp_path: Path, out: str) -> None:
        names = OutputNames.from_out(str(tmp_path / out))

        def fail() -> None:
            with DosageWriter(names, sample_names(3), CONTIGS) as writer:
                writer.write(random_block([1] * 50))
                raise RuntimeError("half-way")

        with pytest.raises(RuntimeError, match="half-way"):
            fail()
        assert list(tmp_path.iterdir()) == []

    def test_full_disk(self, tmp_path: Path, out: str) -> None:
        names = OutputNames.from_out(str(tmp_path / out))

        def fail() -> None:
            with DosageWriter(names, sample_names(3), CONTIGS) as writer:
                writer.write(random_block([1] * 50))
                assert writer._file is not None
                writer._file._file.close()
                writer._file._file = Path("/dev/full").open("wb")  # noqa: SIM115

        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full here")
        with pytest.raises(SpinImputeError, match="found No space left on device"):
            fail()
        assert list(tmp_path.iterdir()) == []

    def test_failure_of_the_index_leaves_nothing(
        self, tmp_path: Path, out: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(IndexBuilder, "content", refuse)
        monkeypatch.setattr(pysam.bcftools, "index", refuse)
        with pytest.raises(SpinImputeError, match=r"output .*: the output cannot be written; found No space"):
            write(tmp_path, out)
        assert list(tmp_path.iterdir()) == []
