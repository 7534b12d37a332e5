"""Prepared panels give the blocks of their source, by region too, and refuse whatever is not as written."""

from __future__ import annotations

import json
import random
import shutil
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from builders import assert_same, mixed_records, phased_records, random_block, write_vcf, write_vcz
from hypothesis import given, settings
from hypothesis import strategies as st

from spinimpute.errors import SpinImputeError
from spinimpute.io.contents import Count
from spinimpute.io.inputs import open_variants, panel_blocks, read_panel
from spinimpute.io.prepared import FORMAT, PanelArchive, PanelDetails, PreparedPanel
from spinimpute.io.records import RecordBlock
from spinimpute.io.region import Region
from spinimpute.prepare import build_panel


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A panel in BCF, and prepared."""
    folder = tmp_path_factory.mktemp("prepared")
    source, path = folder / "x.bcf", folder / "x.spanel"
    write_vcf(source, mixed_records())
    build_panel(source, path)
    return source, path


@pytest.fixture
def copy(files: tuple[Path, Path], tmp_path: Path) -> Path:
    """A prepared panel to do harm to."""
    return Path(shutil.copy(files[1], tmp_path / "copy.spanel"))


def refusal(path: Path) -> str:
    with pytest.raises(SpinImputeError) as caught, open_variants(path) as panel:
        list(panel.blocks())
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"panel {path}")
    return message


def joined(blocks: list[RecordBlock]) -> tuple[list[tuple[str, int]], np.ndarray]:
    keys = [(block.sites.chrom, p) for block in blocks for p in block.sites.pos.tolist()]
    return keys, np.concatenate([block.alleles for block in blocks]) if blocks else np.empty(0)


def rewrite(path: Path, member: str, data: bytes) -> None:
    """Give a member other contents, with a checksum that fits them."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, old in members.items():
            archive.writestr(name, data if name == member else old)


def test_blocks_samples_and_contigs_are_those_of_the_source(files: tuple[Path, Path]) -> None:
    with open_variants(files[0]) as source, open_variants(files[1]) as panel:
        assert isinstance(panel, PreparedPanel)
        assert (panel.samples, panel.contigs) == (source.samples, source.contigs)
        assert panel.digest() == source.digest()
        for found, expected in zip(panel_blocks(panel), panel_blocks(source), strict=True):
            assert_same(found, expected)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 40)), max_size=4), st.sampled_from([1, 5, 40]))
@settings(deadline=None, max_examples=40)
def test_any_panel_comes_back(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[tuple[int, int]], samples: int
) -> None:
    path = tmp_path_factory.mktemp("any") / "x.spanel"
    blocks = [random_block(seed, records, samples) for seed, records in shapes]
    names = [f"s{i}" for i in range(samples)]
    with PanelArchive(path) as archive:
        for block in blocks:
            archive.add(block)
        archive.finish(PanelDetails(names, {"20": None}, "p", "", None, "", ""))
    with PreparedPanel(path) as panel:
        for found, expected in zip(panel.blocks(), blocks, strict=True):
            assert_same(found, expected)


@pytest.mark.parametrize(
    "region", ["20", "chr21", "20:100-300", "20:101-101", "21:-99", "21:700-", "20:1-1", "22", "20:99999-"]
)
def test_regions_are_those_of_the_source(files: tuple[Path, Path], region: str) -> None:
    expected, found = (list(read_panel(path, Region.parse(region))) for path in files)
    assert joined(found)[0] == joined(expected)[0]
    np.testing.assert_array_equal(joined(found)[1], joined(expected)[1])


@pytest.mark.parametrize("region", ["20", "chr21", "20:100-300", "21:700-", "20:1-1", "22"])
def test_counts_are_those_of_the_blocks(files: tuple[Path, Path], region: str) -> None:
    with PreparedPanel(files[1]) as panel:
        whole, part = panel.count(), panel.region_count(Region.parse(region))
        blocks, inside = list(panel.blocks()), list(panel.blocks(region=Region.parse(region)))
    assert whole.by_chrom == {block.sites.chrom: len(block.sites) for block in blocks}
    assert whole.total == sum(whole.by_chrom.values())
    assert part == Count(len(joined(inside)[0]) if inside else 0, exact=True)


@pytest.mark.parametrize("size", [1, 7, 50])
def test_block_size_changes_nothing_else(files: tuple[Path, Path], size: int) -> None:
    with PreparedPanel(files[1]) as panel:
        whole, parts = list(panel.blocks()), list(panel.blocks(size))
    assert joined(parts)[0] == joined(whole)[0]
    np.testing.assert_array_equal(joined(parts)[1], joined(whole)[1])
    for a, b in pairwise(parts):
        assert a.sites.chrom != b.sites.chrom or a.sites.pos[-1] < b.sites.pos[0]
        assert len(a.sites) <= size or a.sites.pos[0] == a.sites.pos[-1]


def test_a_region_reads_no_other_chunk(tmp_path: Path) -> None:
    pos = np.arange(1, 5001)
    alleles = np.random.default_rng(0).integers(0, 2, (5000, 4), dtype=np.int8)
    build_panel(write_vcf(tmp_path / "x.vcf.gz", phased_records(pos, alleles)), tmp_path / "x.spanel")
    with zipfile.ZipFile(tmp_path / "x.spanel") as archive:
        names = [name for name in archive.namelist() if name.startswith("chunks/")]
    assert len(names) == 5
    for name in names[:2] + names[3:]:
        rewrite(tmp_path / "x.spanel", name, b"spoilt")
    (block,) = read_panel(tmp_path / "x.spanel", Region("20", 2500, 2600))
    np.testing.assert_array_equal(block.alleles, alleles[2499:2600])
    assert "20:1-" in refusal(tmp_path / "x.spanel")


def test_counting_a_region_reads_the_chunks_across_its_ends_alone(tmp_path: Path) -> None:
    records = phased_records(range(1, 5001), np.zeros((5000, 4), np.int8))
    build_panel(write_vcf(tmp_path / "x.vcf.gz", records), tmp_path / "x.spanel")
    rewrite(tmp_path / "x.spanel", "chunks/2", b"spoilt")
    with PreparedPanel(tmp_path / "x.spanel") as panel:
        first, last = panel.chunks[2].first, panel.chunks[2].last
        assert panel.region_count(Region("20", 5, 4500)) == Count(4496, exact=True)
        assert panel.region_count(Region("20", first, last)).records == last - first + 1
        with pytest.raises(SpinImputeError, match=f"20:{first}-{last}: the prepared panel is damaged"):
            panel.region_count(Region("20", first + 1))


def test_excluded_samples(files: tuple[Path, Path]) -> None:
    expected, found = (list(read_panel(path, exclude_samples={"s1", "x"})) for path in files)
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)
    with pytest.raises(SpinImputeError, match="all 4 excluded"):
        PreparedPanel(files[1], exclude_samples={"s0", "s1", "s2", "s3"})


def test_sparse_blocks_are_the_blocks(files: tuple[Path, Path]) -> None:
    with PreparedPanel(files[1]) as panel:
        for sparse, block in zip(panel.sparse_blocks(), panel.blocks(), strict=True):
            assert_same(sparse.dense(), block)


def test_of_vcf_zarr_and_of_a_prepared_panel(files: tuple[Path, Path], tmp_path: Path) -> None:
    build_panel(write_vcz(tmp_path / "x.vcz", mixed_records()), tmp_path / "a.spanel")
    build_panel(files[1], tmp_path / "b.spanel", Region("21"))
    expected = list(read_panel(files[0]))
    for found, block in zip(read_panel(tmp_path / "a.spanel"), expected, strict=True):
        assert_same(found, block)
    (found,) = read_panel(tmp_path / "b.spanel")
    assert_same(found, expected[-1])


class TestDamage:
    def test_a_flipped_byte_is_noticed_or_harmless(self, copy: Path) -> None:
        """Anywhere: what is read is as written, or is refused."""
        data = copy.read_bytes()
        with PreparedPanel(copy) as panel:
            expected = list(panel.blocks())
        rng = random.Random(1)
        noticed = 0
        directory = data.index(b"PK\x01\x02")
        places = rng.sample(range(directory), 200) + list(range(directory, len(data))) + list(range(60))
        for place in places:
            spoilt = bytearray(data)
            spoilt[place] ^= 1 << rng.randrange(8)
            copy.write_bytes(spoilt)
            try:
                with open_variants(copy) as panel:
                    found = list(panel.blocks())
            except SpinImputeError:
                noticed += 1
            else:
                for a, b in zip(found, expected, strict=True):
                    assert_same(a, b)
        assert noticed > 200

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
    def test_cut(self, copy: Path, share: float) -> None:
        data = copy.read_bytes()
        copy.write_bytes(data[: int(share * len(data))])
        assert "damaged or cut" in refusal(copy)

    def test_unfinished(self, tmp_path: Path) -> None:
        with PanelArchive(tmp_path / "x.spanel") as archive:
            archive.add(random_block(1, 5, 2))
        assert "damaged or cut" in refusal(tmp_path / "x.spanel")

    def test_another_version(self, copy: Path) -> None:
        rewrite(copy, FORMAT, b"2\n")
        message = refusal(copy)
        assert "must be of format version 1; found 2; build it again" in message

    @pytest.mark.parametrize("content", [b"[]", b"{}", json.dumps({"samples": []}).encode(), b"\xff"])
    def test_another_description(self, copy: Path, content: bytes) -> None:
        rewrite(copy, "panel.json", content)
        assert "damaged" in refusal(copy)

    def test_another_index(self, copy: Path) -> None:
        rewrite(copy, "index.npy", b"\x93NUMPY")
        assert "damaged" in refusal(copy)

    def test_empty(self, copy: Path) -> None:
        copy.write_bytes(b"")
        assert "empty" in refusal(copy)
        copy.write_bytes(b"PK")
        assert "not VCF or BCF" in refusal(copy)


def test_line_breaks_in_a_site_are_refused(tmp_path: Path) -> None:
    block = random_block(1, 5, 2)
    block.sites.ids[2] = "rs\n1"
    with PanelArchive(tmp_path / "x.spanel") as archive, pytest.raises(SpinImputeError, match="line breaks"):
        archive.add(block)
