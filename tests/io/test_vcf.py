from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from builders import CONTIGS, Rec, phased_records, rec, sample_names, vcf_text, write_text, write_vcf
from hypothesis import given, settings
from hypothesis import strategies as st

from spinimpute.errors import SpinImputeError
from spinimpute.io.contents import Count, FileCount, Kind
from spinimpute.io.inputs import read_panel, read_target
from spinimpute.io.vcf import RecordBlock, Region, VariantFile

FORMATS = ["x.vcf", "x.vcf.gz", "x.bcf"]
needs_bcftools = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")


def random_records(n: int, samples: int, seed: int = 0, chrom: str = "20") -> list[Rec]:
    rng = np.random.default_rng(seed)
    pos = np.sort(rng.choice(np.arange(1, 20 * n), n, replace=False))
    return phased_records(pos, rng.integers(0, 2, (n, 2 * samples), dtype=np.int8), chrom)


def write_gzip(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()))
    return path


def panel_refusal(path: Path) -> str:
    with pytest.raises(SpinImputeError) as caught:
        list(read_panel(path))
    return one_line(str(caught.value), f"panel {path}")


def target_refusal(path: Path) -> str:
    with pytest.raises(SpinImputeError) as caught:
        read_target(path)
    return one_line(str(caught.value), f"target {path}")


def one_line(message: str, start: str) -> str:
    assert "\n" not in message
    assert message.startswith(start)
    return message


def joined(blocks: Sequence[RecordBlock]) -> tuple[list[int], np.ndarray]:
    positions = [p for block in blocks for p in block.sites.pos.tolist()]
    return positions, np.concatenate([block.alleles for block in blocks])


class TestReading:
    @pytest.mark.parametrize("name", FORMATS)
    def test_blocks_hold_what_was_written(self, tmp_path: Path, name: str) -> None:
        records = [
            rec(5, "A", "C", "0|1", "1|0", id="rs1"),
            rec(9, "AT", "A,ATT", "2|1", "0|2"),
            rec(9, "A", "G", "1|1", "0|0"),
            rec(12, "T", ".", "0|0", "0|0"),
        ]
        (block,) = read_panel(write_vcf(tmp_path / name, records))
        assert block.sites.chrom == "20"
        assert block.sites.pos.tolist() == [5, 9, 9, 12]
        assert block.sites.pos.dtype == np.int64
        assert block.sites.ref == ["A", "AT", "A", "T"]
        assert block.sites.alts == [("C",), ("A", "ATT"), ("G",), ()]
        assert block.sites.ids == ["rs1", ".", ".", "."]
        assert block.alleles.tolist() == [[0, 1, 1, 0], [2, 1, 0, 2], [1, 1, 0, 0], [0, 0, 0, 0]]
        assert block.alleles.dtype == np.int8
        assert block.phased.all()

    def test_samples_and_contigs(self, tmp_path: Path) -> None:
        contigs = {"20": 64_444_167, "chrUn,odd": None, "21": None}
        del contigs["chrUn,odd"]
        path = write_vcf(tmp_path / "x.vcf", random_records(3, 2), ["NA1", "NA2"], contigs)
        with VariantFile(path) as file:
            assert file.samples == ["NA1", "NA2"]
            assert file.contigs == contigs

    @pytest.mark.parametrize("name", FORMATS)
    @pytest.mark.parametrize("size", [1, 7, 100, 1000])
    def test_block_size_changes_nothing(self, tmp_path: Path, name: str, size: int) -> None:
        records = random_records(250, 3)
        blocks = list(read_panel(write_vcf(tmp_path / name, records), max_records=size))
        assert all(len(block.sites) <= size for block in blocks)
        positions, alleles = joined(blocks)
        assert positions == [record.pos for record in records]
        expected = [[int(a) for column in record.columns for a in column.split("|")] for record in records]
        assert alleles.tolist() == expected

    def test_no_block_spans_chromosomes(self, tmp_path: Path) -> None:
        records = random_records(10, 2) + random_records(10, 2, seed=1, chrom="21")
        blocks = list(read_panel(write_vcf(tmp_path / "x.bcf", records)))
        assert [(block.sites.chrom, len(block.sites)) for block in blocks] == [("20", 10), ("21", 10)]

    def test_no_block_parts_a_position(self, tmp_path: Path) -> None:
        alts = ["C", "G", "T", "AC", "AG"]
        records = (
            [rec(1, "A", "C", "0|1")] + [rec(5, "A", alt, "0|1") for alt in alts] + [rec(6, "A", "C", "0|1")]
        )
        blocks = list(read_panel(write_vcf(tmp_path / "x.vcf", records), max_records=2))
        assert [block.sites.pos.tolist() for block in blocks] == [[1], [5, 5, 5, 5, 5, 6]]

    def test_undeclared_contig(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.vcf", [rec(5, "A", "C", "0|1", chrom="scaffold_7")])
        with VariantFile(path) as file:
            assert [block.sites.chrom for block in file.blocks()] == ["scaffold_7"]
            assert file.contigs["scaffold_7"] is None

    @pytest.mark.parametrize("name", FORMATS)
    def test_other_format_fields_are_ignored(self, tmp_path: Path, name: str) -> None:
        path = write_vcf(tmp_path / name, [rec(5, "A", "C", "0|1:7", "1|0:9", fmt="GT:DP")])
        (block,) = read_panel(path)
        assert block.alleles.tolist() == [[0, 1, 1, 0]]

    @pytest.mark.parametrize("name", FORMATS)
    def test_excluded_samples(self, tmp_path: Path, name: str) -> None:
        records = [rec(5, "A", "C", "0|1", "1|1", "0|0"), rec(6, "A", "C", "1|1", "0/1", "1|0")]
        path = write_vcf(tmp_path / name, records, ["a", "b", "c"])
        with VariantFile(path, exclude_samples={"b", "unknown"}) as file:
            assert file.samples == ["a", "c"]
            (block,) = file.blocks()
        assert block.alleles.tolist() == [[0, 1, 0, 0], [1, 1, 1, 0]]
        assert block.phased.all()

    @pytest.mark.parametrize("name", FORMATS)
    @pytest.mark.parametrize("n_alts", [12, 63, 100])
    def test_many_alleles(self, tmp_path: Path, name: str, n_alts: int) -> None:
        alts = ",".join("A" * n for n in range(2, n_alts + 2))
        path = write_vcf(tmp_path / name, [rec(5, "A", alts, f"{n_alts}|0", "10|11", f"0|{n_alts}")])
        (block,) = read_panel(path)
        assert block.alleles.tolist() == [[n_alts, 0, 10, 11, 0, n_alts]]
        assert len(block.sites.alts[0]) == n_alts

    @pytest.mark.parametrize("name", FORMATS)
    def test_long_strings(self, tmp_path: Path, name: str) -> None:
        """BCF spells lengths from 15 on differently."""
        for n in (14, 15, 16, 127, 128, 40_000):
            path = write_vcf(tmp_path / name, [rec(5, "A" * n, "C" * n, "0|1", id="i" * n)])
            (block,) = read_panel(path)
            assert (block.sites.ref, block.sites.alts, block.sites.ids) == (
                ["A" * n],
                [("C" * n,)],
                ["i" * n],
            )

    @pytest.mark.parametrize("name", FORMATS)
    def test_chromosomes_change_within_a_batch(self, tmp_path: Path, name: str) -> None:
        records = [rec(p, "A", alt, "0|1", chrom=chrom, id=f"{chrom}é{p}")
                   for chrom in ("20", "21") for p, alt in [(7, "C"), (7, "<DEL>,C"), (9, ".")]]  # fmt: skip
        records = [
            r if r.alt != "." else rec(r.pos, "A", ".", "0|0", chrom=r.chrom, id=r.id) for r in records
        ]
        for size in (1, 4, 100):
            blocks = list(read_panel(write_vcf(tmp_path / name, records), max_records=size))
            found = [
                (block.sites.chrom, *site)
                for block in blocks
                for site in zip(
                    block.sites.pos.tolist(),
                    block.sites.alts,
                    block.sites.ids,
                    block.alleles.tolist(),
                    strict=True,
                )
            ]
            assert found == [
                (chrom, p, alts, f"{chrom}é{p}", [0, len(alts) and 1])
                for chrom in ("20", "21")
                for p, alts in [(7, ("C",)), (7, ("<DEL>", "C")), (9, ())]
            ]

    @pytest.mark.parametrize("name", FORMATS)
    def test_no_line_end_and_blank_lines(self, tmp_path: Path, name: str) -> None:
        text = vcf_text([rec(5, "A", "C", "0|1"), rec(6, "A", "C", "1|1")])
        for ending in ("", "\n", "\n\n") if name != "x.bcf" else ("\n",):
            (block,) = read_panel(write_text(tmp_path / name, text.rstrip("\n") + ending))
            assert block.alleles.tolist() == [[0, 1], [1, 1]]

    def test_windows_line_ends(self, tmp_path: Path) -> None:
        path = tmp_path / "x.vcf"
        path.write_bytes(
            vcf_text([rec(5, "A", "C", "0|1"), rec(6, "A", "C", "1|1")]).replace("\n", "\r\n").encode()
        )
        with VariantFile(path) as file:
            (block,) = file.blocks()
            assert file.samples == ["s0"]
        assert block.alleles.tolist() == [[0, 1], [1, 1]]

    def test_uncompressed_bcf(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.bcf", random_records(50, 2))
        plain = tmp_path / "plain.bcf"
        plain.write_bytes(gzip.decompress(path.read_bytes()))
        assert (joined(list(read_panel(plain)))[1] == joined(list(read_panel(path)))[1]).all()
        plain.write_bytes(plain.read_bytes()[:-3])
        assert "the last record is cut" in panel_refusal(plain)

    @pytest.mark.parametrize("name", FORMATS)
    def test_standard_input(self, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write_vcf(tmp_path / name, random_records(50, 2))
        with path.open() as stream:
            monkeypatch.setattr("sys.stdin", stream)
            target = read_target(Path("-"))
        assert target["20"].alleles.tolist() == read_target(path)["20"].alleles.tolist()

    @needs_bcftools
    @pytest.mark.parametrize("name", FORMATS)
    def test_agrees_with_bcftools(self, tmp_path: Path, name: str) -> None:
        path = write_vcf(tmp_path / name, random_records(300, 4))
        query = ["bcftools", "query", "-f", r"%POS[\t%GT]\n", str(path)]
        printed = subprocess.run(query, check=True, capture_output=True, text=True).stdout.split("\n")[:-1]
        positions, alleles = joined(list(read_panel(path)))
        ours = [
            "\t".join([str(p), *(f"{a}|{b}" for a, b in zip(row[0::2], row[1::2], strict=True))])
            for p, row in zip(positions, alleles.tolist(), strict=True)
        ]
        assert ours == printed

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            st.lists(
                st.sampled_from(["0|0", "0|1", "1|0", "1|1", ".|1", "1|.", ".|.", "0/0", "1/1", "./."]),
                min_size=3,
                max_size=3,
            ),
            min_size=1,
            max_size=30,
        ),
        st.sampled_from(FORMATS),
    )
    def test_any_genotypes(
        self, tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], name: str
    ) -> None:
        folder = tmp_path_factory.mktemp("any")
        path = write_vcf(folder / name, [rec(i + 1, "A", "C", *row) for i, row in enumerate(rows)])
        chromosome = read_target(path)["20"]
        spelled = [
            [{".": -1}.get(a, ord(a) - 48) for column in row for a in (column[0], column[2])] for row in rows
        ]
        assert chromosome.alleles.tolist() == spelled


class TestRegion:
    @pytest.mark.parametrize(
        ("text", "region"),
        [
            ("20", Region("20")),
            ("chr20", Region("chr20")),
            ("20:5-9", Region("20", 5, 9)),
            ("20:-9", Region("20", None, 9)),
            ("20:5-", Region("20", 5)),
            ("HLA:A:5-9", Region("HLA:A", 5, 9)),
            ("HLA:A", Region("HLA:A")),
        ],
    )
    def test_parse(self, text: str, region: Region) -> None:
        assert Region.parse(text) == region
        assert str(region) == text

    @pytest.mark.parametrize(
        "text", ["", ":", ":5-9", "20:", "20:-", "20:9-5", "20:0-5", "20:5", "20:5-9-12"]
    )
    def test_malformed(self, text: str) -> None:
        with pytest.raises(SpinImputeError, match="region"):
            Region.parse(text)

    @pytest.mark.parametrize("index", [False, True])
    @pytest.mark.parametrize("name", FORMATS)
    def test_holds_records_that_begin_inside(self, tmp_path: Path, name: str, index: bool) -> None:
        records = [
            rec(5, "ATTTTTT", "A", "0|1"),  # reaches into the region
            rec(7, "A", "C", "0|1"),
            rec(9, "A", "C", "1|1"),
            rec(9, "A", "G", "0|0"),
            rec(10, "A", "C", "0|1"),
            rec(8, "A", "C", "0|1", chrom="21"),
        ]
        path = write_vcf(tmp_path / name, records, index=index and name != "x.vcf")
        for region, expected in [
            (Region("20", 7, 9), [7, 9, 9]),
            (Region("chr20", 7, 9), [7, 9, 9]),
            (Region("20", None, 7), [5, 7]),
            (Region("20", 10), [10]),
            (Region("21"), [8]),
            (Region("20", 1000), []),
            (Region("22"), []),
        ]:
            assert [p for block in read_panel(path, region) for p in block.sites.pos.tolist()] == expected

    def test_undeclared_contig_without_index(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.vcf.gz", [rec(5, "A", "C", "0|1", chrom="chrX2")], contigs={})
        assert len(list(read_panel(path, Region("X2")))) == 1

    def test_stale_index_is_not_used(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.vcf.gz", [rec(5, "A", "C", "0|1")], index=True)
        with VariantFile(path) as file:
            assert file.indexed
        os.utime(tmp_path / "x.vcf.gz.tbi", (1, 1))
        with VariantFile(path) as file:
            assert not file.indexed
        assert len(list(read_panel(path, Region("20")))) == 1


class TestBadFiles:
    """The rows of the bad-input table that a reader meets."""

    @pytest.mark.parametrize("name", FORMATS)
    def test_unsorted(self, tmp_path: Path, name: str) -> None:
        path = write_vcf(tmp_path / name, [rec(9, "A", "C", "0|1"), rec(5, "A", "C", "0|1")])
        for message in (panel_refusal(path), target_refusal(path)):
            assert "20:5: records must be sorted by position; found 5 after 9; sort" in message

    def test_chromosome_comes_back(self, tmp_path: Path) -> None:
        records = [rec(9, "A", "C", "0|1", chrom=chrom) for chrom in ("20", "21", "20")]
        assert "20:9: records of one chromosome must be together" in target_refusal(
            write_vcf(tmp_path / "x.vcf", records)
        )

    @pytest.mark.parametrize("name", FORMATS)
    def test_no_genotypes(self, tmp_path: Path, name: str) -> None:
        path = write_vcf(tmp_path / name, [rec(5, "A", "C", "0|1"), rec(9, "A", "C", "7", fmt="DP")])
        assert "20:9: every record needs genotypes; found " in panel_refusal(path)

    @pytest.mark.parametrize("name", FORMATS)
    def test_allele_index_out_of_range(self, tmp_path: Path, name: str) -> None:
        path = write_vcf(tmp_path / name, [rec(5, "A", "C", "0|1", "0|1"), rec(9, "A", "C", "0|1", "2|0")])
        message = panel_refusal(path)
        assert (
            "20:9 sample s1: an allele code must not exceed the number of ALT alleles, or 127; found 2"
            in message
        )

    def test_far_too_high_allele_index(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.vcf", [rec(5, "A", "C", "0|200")])
        assert "sample s0: an allele code must not exceed" in panel_refusal(path)

    def test_triploid(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.vcf", [rec(5, "A", "C", "0|1", "0|1|1")])
        assert "20:5 sample s1: genotypes must be haploid or diploid; found 3 alleles" in panel_refusal(path)

    @pytest.mark.parametrize("packed", [False, True])
    def test_short_row(self, tmp_path: Path, packed: bool) -> None:
        text = vcf_text([rec(5, "A", "C", "0|1", "0|1"), rec(9, "A", "C", "0|1")], sample_names(2))
        path = write_text(tmp_path / ("x.vcf.gz" if packed else "x.vcf"), text)
        message = panel_refusal(path)
        assert (
            "line 8 20:9: a row must have as many columns as the header; found 10 columns, 11 in the header"
            in message
        )

    def test_position_is_no_number(self, tmp_path: Path) -> None:
        text = vcf_text([rec(5, "A", "C", "0|1"), rec(9, "A", "C", "0|1")]).replace("\t9\t", "\tx9\t")
        assert "line 8 20:x9: a position must be a number up to 2147483647; found 'x9'" in panel_refusal(
            write_text(tmp_path / "x.vcf", text)
        )

    def test_a_faulty_genotype_comes_before_the_position_of_its_record(self, tmp_path: Path) -> None:
        text = vcf_text([rec(5, "A", "C", "0|1"), rec(9, "A", "C", "0|1|1"), rec(11, "A", "C", "0|1")])
        for position, rule in [
            ("x9", "20:x9 sample s0: genotypes must be"),
            ("9", "20:9 sample s0: genotypes"),
        ]:
            path = write_text(tmp_path / "x.vcf", text.replace("\t9\t", f"\t{position}\t"))
            assert rule in panel_refusal(path)
        path = write_text(tmp_path / "x.vcf", text.replace("\t5\t", "\t-5\t"))
        assert "line 7 20:-5: a position must be a number" in panel_refusal(path)

    def test_malformed_genotype(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.vcf", [rec(5, "A", "C", "0|x")])
        assert (
            "line 7 20:5 sample s0: a genotype must be one or two allele codes, as in 0|1"
            in panel_refusal(path)
        )

    def test_cut_plain_text(self, tmp_path: Path) -> None:
        text = vcf_text(random_records(20, 4))
        assert "columns" in panel_refusal(write_text(tmp_path / "x.vcf", text[:-20]))

    def test_cut_plain_gzip(self, tmp_path: Path) -> None:
        path = write_gzip(tmp_path / "x.vcf.gz", vcf_text(random_records(3000, 4)))
        path.write_bytes(path.read_bytes()[:-2000])
        assert "the file is corrupt" in panel_refusal(path)

    @pytest.mark.parametrize("name", ["x.vcf.gz", "x.bcf"])
    def test_damage_in_the_middle(self, tmp_path: Path, name: str) -> None:
        path = write_vcf(tmp_path / name, random_records(20000, 10))
        data = bytearray(path.read_bytes())
        data[len(data) * 3 // 4] ^= 16
        path.write_bytes(data)
        assert "the file is corrupt" in panel_refusal(path)

    @pytest.mark.parametrize("name", FORMATS)
    def test_header_only(self, tmp_path: Path, name: str) -> None:
        path = write_vcf(tmp_path / name, [])
        assert "records" in panel_refusal(path)
        assert "records" in target_refusal(path)

    def test_no_record_in_region(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.vcf", random_records(3, 1))
        with pytest.raises(SpinImputeError, match="must have records; found none in 21:5-9"):
            read_target(path, Region("21", 5, 9))

    @pytest.mark.parametrize("name", FORMATS)
    def test_no_samples(self, tmp_path: Path, name: str) -> None:
        text = vcf_text([], samples=[]) + "20\t5\t.\tA\tC\t.\tPASS\t.\n"
        assert "must have samples" in panel_refusal(write_text(tmp_path / name, text))

    def test_all_samples_excluded(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.vcf", random_records(3, 2))
        with pytest.raises(SpinImputeError, match="found all 2 excluded"):
            VariantFile(path, exclude_samples={"s0", "s1"})

    def test_sample_twice(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.vcf", random_records(3, 2), ["a", "a"])
        assert "sample names must be unique; found a 2 times" in panel_refusal(path)

    @pytest.mark.parametrize("name", ["x.vcf.gz", "x.bcf"])
    def test_truncated(self, tmp_path: Path, name: str) -> None:
        path = write_vcf(tmp_path / name, random_records(50, 2))
        path.write_bytes(path.read_bytes()[:-28])
        assert "truncated" in panel_refusal(path)
        assert "truncated" in target_refusal(path)

    def test_nothing_on_standard_error(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        for text in (
            vcf_text([rec(5, "A", "C", "0|x", chrom="undeclared")]),
            vcf_text([rec(5, "A", "C", "0|1"), rec(9, "A", "C", "0|1")]).replace("\t9\t", "\tx\t"),
            vcf_text([], ["a", "a"]),
        ):
            panel_refusal(write_text(tmp_path / "x.vcf", text))
        assert capfd.readouterr().err == ""


class TestPanel:
    def test_unphased(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.vcf", [rec(5, "A", "C", "0|1", "0|1"), rec(9, "A", "C", "0|1", "0/1")])
        assert "20:9 sample s1: panel genotypes must be phased; found / for |" in panel_refusal(path)

    @pytest.mark.parametrize("genotype", [".|1", "0|.", ".|."])
    def test_missing(self, tmp_path: Path, genotype: str) -> None:
        path = write_vcf(
            tmp_path / "x.vcf", [rec(5, "A", "C", "0|1", "0|1"), rec(9, "A", "C", "0|1", genotype)]
        )
        assert "20:9 sample s1: panel genotypes must not be missing" in panel_refusal(path)

    def test_duplicate(self, tmp_path: Path) -> None:
        records = [rec(5, "A", "C,G", "0|1"), rec(5, "A", "C", "0|1"), rec(5, "A", "G,C", "0|1")]
        assert "20:5: panel records must be unique; found A>C,G twice" in panel_refusal(
            write_vcf(tmp_path / "x.vcf", records)
        )

    def test_records_of_one_position_need_not_be_duplicates(self, tmp_path: Path) -> None:
        records = [rec(5, "A", "C", "0|1"), rec(5, "A", "G", "0|1"), rec(5, "AT", "A", "0|1")]
        assert len(list(read_panel(write_vcf(tmp_path / "x.vcf", records)))) == 1


class TestTarget:
    def test_by_chromosome(self, tmp_path: Path) -> None:
        records = random_records(5, 2, chrom="21") + random_records(3000, 2, seed=1)
        target = read_target(write_vcf(tmp_path / "x.vcf.gz", records))
        assert {chrom: len(part.sites) for chrom, part in target.items()} == {"21": 5, "20": 3000}
        assert target["20"].alleles.shape == (3000, 4)
        assert target["20"].samples == ["s0", "s1"]

    @pytest.mark.parametrize("name", FORMATS)
    def test_unphased_genotypes_are_those_whose_order_matters(self, tmp_path: Path, name: str) -> None:
        records = [rec(5, "A", "C", "0/0", "0|1", "./."), rec(9, "A", "C", "0|1", "1/0", "0/.")]
        found = read_target(write_vcf(tmp_path / name, records))["20"].unphased
        assert found is not None
        assert found.tolist() == [[False, False, False], [False, True, True]]

    def test_a_target_without_unphased_genotypes_says_so(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.vcf", [rec(5, "A", "C", "0/0", "0|1", "./.", "1|.")])
        assert read_target(path)["20"].unphased is None

    @pytest.mark.parametrize("name", FORMATS)
    def test_what_missing_genotypes_keep(self, tmp_path: Path, name: str) -> None:
        columns = ["0|.", ".|1", "0/.", "./1", "./.", ".", "1/1"]
        path = write_vcf(tmp_path / name, [rec(5, "A", "C", *columns)])
        assert read_target(path)["20"].alleles.reshape(-1, 2).tolist() == [
            [0, -1],
            [-1, 1],
            [0, -1],
            [-1, 1],
            [-1, -1],
            [-1, -1],
            [1, 1],
        ]

    def test_record_of_lone_dots(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.vcf", [rec(5, "A", "C", ".", ".")], contigs=CONTIGS)
        assert read_target(path)["20"].alleles.tolist() == [[-1, -1, -1, -1]]


@pytest.mark.parametrize("name", ["x.vcf.gz", "x.bcf"])
def test_counts_need_an_index(tmp_path: Path, name: str) -> None:
    records = phased_records(range(100, 900, 2), np.zeros((400, 4), np.int8))
    records += phased_records([5, 6, 7], np.zeros((3, 4), np.int8), "21")
    with VariantFile(write_vcf(tmp_path / name, records)) as file:
        assert file.kind is (Kind.BINARY if name == "x.bcf" else Kind.TEXT)
        assert file.count() == FileCount(403)
        assert file.region_count(Region("20")) is None
    with VariantFile(write_vcf(tmp_path / name, records, index=True)) as file:
        assert file.count() == FileCount(403, {"20": 400, "21": 3})
        assert file.region_count(Region("chr20")) == Count(400, exact=True)
        assert file.region_count(Region("22")) == Count(0, exact=True)
        part = file.region_count(Region("20", 1, 5000))
        assert part is not None
        assert not part.exact


def test_a_malformed_index_counts_nothing(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "x.vcf.gz", phased_records([5, 6], np.zeros((2, 4), np.int8)), index=True)
    path.with_name("x.vcf.gz.tbi").write_bytes(b"no index")
    with VariantFile(path) as file:
        assert file.count() == FileCount(2)
        with pytest.raises(SpinImputeError, match="index"):
            file.region_count(Region("20", 1, 5000))
