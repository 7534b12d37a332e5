"""VCF Zarr stores give what the VCF file with the same records gives, and the same refusals."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import zarr
from builders import Rec, assert_same, mixed_records, phased_records, random_block, rec, write_vcf, write_vcz

from spinimpute.errors import SpinImputeError
from spinimpute.io.contents import Count, FileCount
from spinimpute.io.inputs import open_variants, panel_blocks, read_panel, read_target
from spinimpute.io.region import Region

KINDS = ["x.vcz", "x.vcz.zip"]


def refusal(path: Path) -> str:
    with pytest.raises(SpinImputeError) as caught, open_variants(path) as file:
        list(panel_blocks(file))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"panel {path}")
    return message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 64, 100, 1024])
def test_blocks_are_those_of_the_vcf(tmp_path: Path, kind: str, size: int) -> None:
    records = mixed_records()
    with (
        open_variants(write_vcz(tmp_path / kind, records)) as ours,
        open_variants(write_vcf(tmp_path / "x.vcf.gz", records)) as theirs,
    ):
        assert (ours.samples, ours.contigs) == (theirs.samples, theirs.contigs)
        for found, expected in zip(
            panel_blocks(ours, None, size), panel_blocks(theirs, None, size), strict=True
        ):
            assert_same(found, expected)


@pytest.mark.parametrize("region", ["20", "chr21", "20:100-300", "21:-99", "21:700-", "20:1-1", "X"])
def test_regions_are_those_of_the_vcf(tmp_path: Path, region: str) -> None:
    records = mixed_records()
    vcf = list(read_panel(write_vcf(tmp_path / "x.vcf.gz", records), Region.parse(region)))
    vcz = list(read_panel(write_vcz(tmp_path / "x.vcz", records), Region.parse(region)))
    for found, expected in zip(vcz, vcf, strict=True):
        assert_same(found, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("region", ["20", "chr21", "20:100-300", "21:700-", "20:1-1", "X"])
def test_counts_are_those_of_the_records(tmp_path: Path, kind: str, region: str) -> None:
    records = mixed_records()
    with open_variants(write_vcz(tmp_path / kind, records)) as file:
        whole, part = file.count(), file.region_count(Region.parse(region))
        inside = sum(len(block.sites) for block in file.blocks(region=Region.parse(region)))
    assert whole == FileCount(len(records), dict(Counter(each.chrom for each in records)))
    assert part == Count(inside, exact=True)


def test_excluded_samples_and_unknown_lengths(tmp_path: Path) -> None:
    records = mixed_records()
    contigs = {"20": 5000, "21": None}
    for name, write in (("x.vcz", write_vcz), ("x.bcf", write_vcf)):
        write(tmp_path / name, records, ["a", "b", "c", "d"], contigs)
    ours, theirs = (list(read_panel(tmp_path / n, exclude_samples={"b"})) for n in ("x.vcz", "x.bcf"))
    for found, expected in zip(ours, theirs, strict=True):
        assert_same(found, expected)
    with open_variants(tmp_path / "x.vcz") as file:
        assert file.contigs == {"20": None, "21": None}


def test_target_with_missing_and_half_missing_genotypes(tmp_path: Path) -> None:
    records = [rec(5, "A", "C", "0|1", ".|1"), rec(7, "A", "C", "0/0", "./1"), rec(9, "A", "C", ".|.", "1/1")]
    found = read_target(write_vcz(tmp_path / "x.vcz", records))["20"]
    expected = read_target(write_vcf(tmp_path / "x.vcf", records))["20"]
    assert found.alleles.tolist() == expected.alleles.tolist()
    assert found.samples == expected.samples


@pytest.mark.parametrize(
    "records",
    [
        [rec(5, "A", "C", "0|1", "0/1")],
        [rec(5, "A", "C", "0|1", ".|1")],
        [rec(5, "A", "C", "0|1", "0|2")],
        [rec(5, "A", "C", "0|1", "1"), rec(7, "A", "C", "0", "1|1")],
        [rec(5, "A", "C", "1", "0"), rec(7, "A", "C", "0", "0|1")],
        [rec(5, "A", "C", "0|1", "0|1|1")],
        [rec(9, "A", "C", "0|1", "0|1"), rec(5, "A", "C", "0|1", "0|1")],
        [rec(9, "A", "C", "0|1", "0|1"), rec(9, "A", "C", "0|1", "0|1")],
        [rec(9, "A", "C", "0|1", "0|1", chrom=chrom) for chrom in ("20", "21", "20")],
    ],
)
def test_refusals_are_those_of_the_vcf(tmp_path: Path, records: list[Rec]) -> None:
    expected = refusal(write_vcf(tmp_path / "x.vcf", records)).removeprefix(f"panel {tmp_path / 'x.vcf'}")
    found = refusal(write_vcz(tmp_path / "x.vcz", records)).removeprefix(f"panel {tmp_path / 'x.vcz'}")
    # Lines are numbered in text alone.
    number, _, rest = expected.removeprefix(" line ").partition(" ")
    assert found == (f" {rest}" if number.isdigit() else expected)


def test_room_for_a_higher_ploidy_is_no_fault(tmp_path: Path) -> None:
    path = write_vcz(tmp_path / "x.vcz", [rec(5, "A", "C", "0|1", "0|1|1")])
    group = zarr.open_group(path, mode="r+")
    group["call_genotype"][:, 1, 2] = -2
    (block,) = read_panel(path)
    assert block.alleles.tolist() == [[0, 1, 0, 1]]


class TestBrokenStores:
    @pytest.fixture(params=KINDS)
    def path(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return write_vcz(tmp_path / request.param, mixed_records())

    def test_absent_array(self, tmp_path: Path) -> None:
        path = write_vcz(tmp_path / "x.vcz", mixed_records())
        shutil.rmtree(path / "call_genotype")
        assert "no call_genotype" in refusal(path)

    @pytest.mark.parametrize("array", ["variant_allele", "sample_id", "call_genotype"])
    def test_damaged_chunk(self, tmp_path: Path, array: str) -> None:
        path = write_vcz(tmp_path / "x.vcz", mixed_records())
        chunk = next((path / array).glob("0*"))
        chunk.write_bytes(chunk.read_bytes()[:5])
        assert "damaged" in refusal(path)

    def test_unknown_contig(self, tmp_path: Path) -> None:
        path = write_vcz(tmp_path / "x.vcz", mixed_records())
        zarr.open_group(path, mode="r+")["variant_contig"][3] = 2
        assert "needs a contig" in refusal(path)
        with open_variants(path) as file, pytest.raises(SpinImputeError, match="found contig number 2"):
            file.count()

    def test_absent_alleles(self, tmp_path: Path) -> None:
        path = write_vcz(tmp_path / "x.vcz", mixed_records())
        (path / "variant_allele" / "0.0").unlink()
        assert "needs a contig and a REF" in refusal(path)

    def test_damaged_archive(self, tmp_path: Path) -> None:
        path = write_vcz(tmp_path / "x.vcz.zip", mixed_records())
        data = bytearray(path.read_bytes())
        at = data.index(b"call_genotype/0.0.0")
        data[at + 60] ^= 255
        path.write_bytes(data)
        assert "damaged" in refusal(path)

    def test_cut_archive(self, tmp_path: Path) -> None:
        path = write_vcz(tmp_path / "x.vcz.zip", mixed_records())
        path.write_bytes(path.read_bytes()[:-100])
        assert "not VCF or BCF" in refusal(path)

    def test_other_directory(self, tmp_path: Path) -> None:
        assert "a directory" in refusal(tmp_path)

    def test_other_archive(self, tmp_path: Path) -> None:
        shutil.make_archive(str(tmp_path / "x"), "zip", Path(__file__).parent, "test_zarr.py")
        assert "a ZIP archive" in refusal(tmp_path / "x.zip")

    def test_no_samples_left(self, tmp_path: Path) -> None:
        path = write_vcz(tmp_path / "x.vcz", [rec(5, "A", "C", "0|1")])
        with pytest.raises(SpinImputeError, match="all 1 excluded"):
            open_variants(path, exclude_samples={"s0"})

    def test_repeated_samples(self, tmp_path: Path) -> None:
        path = write_vcz(tmp_path / "x.vcz", [rec(5, "A", "C", "0|1", "0|1")], ["a", "a"])
        assert "unique" in refusal(path)


@pytest.mark.skipif(shutil.which("vcf2zarr") is None, reason="bio2zarr is not installed")
@pytest.mark.parametrize("version", ["2", "3"])
def test_stores_of_bio2zarr(tmp_path: Path, version: str) -> None:
    records = [*mixed_records(), *phased_records([9000, 9001], random_block(7, 2, 4).alleles % 2, "21")]
    source = write_vcf(tmp_path / "x.vcf.gz", records, index=True)
    out = tmp_path / "x.vcz"
    command = ["vcf2zarr", "convert", "-Q", "--zarr-format", version, "-l", "70", str(source), str(out)]
    subprocess.run(command, check=True, capture_output=True)
    with open_variants(out) as ours, open_variants(source) as theirs:
        assert (ours.samples, ours.contigs) == (theirs.samples, theirs.contigs)
        for found, expected in zip(panel_blocks(ours), panel_blocks(theirs), strict=True):
            assert_same(found, expected)
