"""Damage that fuzzing found to end badly: behind checksums that fit, or where none are."""

from __future__ import annotations

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import rec, write_vcf, write_vcz

from benchmarks.reliability.mutations import bgzf
from spinimpute.errors import SpinImputeError
from spinimpute.io.chunks import pack_chunk, unpack_chunk
from spinimpute.io.inputs import open_variants, read_panel
from spinimpute.io.sparse import SparseBlock
from spinimpute.marks import VariantMarks

RECORDS = [rec(100 + i, "A", "C", "0|1", "1|1", "0|0", id=f"rs{i}") for i in range(40)]


class TestBcf:
    """Genotypes are whole, and what stands before them is not."""

    @pytest.mark.parametrize(
        ("field", "form", "value"),
        [
            (0, "<i", 2048),  # a chromosome that the header lacks
            (4, "<i", -7),  # a negative position
            (18, "<H", 900),  # more alleles than the record has room for
            (24, "<B", 0xF7),  # a length that is none
            (24, "<B", 0xE7),  # a string that goes on into the next ones
            (30, "<B", 0xE7),  # the last one goes on into the genotypes
            (18, "<H", 0),  # no alleles
            (25, "<B", 9),  # a tab in a string
            (-4, "<i", -1),  # no length of the genotypes
        ],
    )
    def test_sites(self, tmp_path: Path, field: int, form: str, value: int) -> None:
        path = write_vcf(tmp_path / "x.bcf", RECORDS)
        data = bytearray(gzip.decompress(path.read_bytes()))
        first = 9 + int(struct.unpack_from("<I", data, 5)[0])
        second = first + 8 + sum(struct.unpack_from("<2I", data, first))
        struct.pack_into(form, data, second + 8 + field, value)
        path.write_bytes(bgzf(bytes(data)))
        with pytest.raises(SpinImputeError, match=rf"panel {path}, record after 20:100: .* corrupt"):
            list(read_panel(path))

    def test_a_length_is_an_integer(self, tmp_path: Path) -> None:
        path = write_vcf(tmp_path / "x.bcf", [rec(5, "A", "C", "0|0", id="i" * 20)])
        data = gzip.decompress(path.read_bytes())
        assert data.count(b"\xf7\x11\x14ii") == 1
        path.write_bytes(bgzf(data.replace(b"\xf7\x11\x14ii", b"\xf7\x17\x14ii")))
        with pytest.raises(SpinImputeError, match="the file is corrupt"):
            list(read_panel(path))

    def test_an_alt_of_one_dot_is_none(self, tmp_path: Path) -> None:
        """As in VCF, so that there is no code for it either."""
        path = write_vcf(tmp_path / "x.bcf", [rec(5, "A", "T", "0|0"), rec(9, "A", "C", "0|1")])
        data = bytearray(gzip.decompress(path.read_bytes()))
        assert data.count(b"\x17T") == 1
        path.write_bytes(bgzf(bytes(data).replace(b"\x17T", b"\x17.")))
        (block,) = read_panel(path)
        assert block.sites.alts == [(), ("C",)]
        path.write_bytes(bgzf(bytes(data).replace(b"\x17C", b"\x17.")))
        with pytest.raises(SpinImputeError, match="20:9 sample s0: an allele code"):
            list(read_panel(path))


class TestChunks:
    """Compiled code trusts what unpack_chunk returns."""

    @pytest.fixture
    def block(self) -> SparseBlock:
        rng = np.random.default_rng(1)
        marks = rng.random((40, 200)) < np.where(np.arange(40) % 2, 0.01, 0.3)[:, None]
        sites = next(iter(_blocks())).sites
        return SparseBlock(sites, np.zeros(40, np.bool_), VariantMarks.of(marks))

    def test_it_comes_back(self, block: SparseBlock) -> None:
        found = unpack_chunk(pack_chunk(block), "20", 100)
        np.testing.assert_array_equal(found.marks.dense(), block.marks.dense())

    @pytest.mark.parametrize("haplotypes", [8, 150, 194, 208])
    def test_other_haplotypes(self, block: SparseBlock, haplotypes: int) -> None:
        with pytest.raises(ValueError, match="a chunk does not hold what it must"):
            unpack_chunk(pack_chunk(block), "20", haplotypes // 2)

    def test_carriers_that_do_not_ascend(self, block: SparseBlock) -> None:
        marks = block.marks
        v = int(np.flatnonzero(np.diff(marks.starts) > 1)[0])
        carriers = marks.carriers.copy()
        carriers[marks.starts[v] + 1] = carriers[marks.starts[v]]
        with pytest.raises(ValueError, match="a chunk does not hold what it must"):
            unpack_chunk(pack_chunk(replace(block, marks=replace(marks, carriers=carriers))), "20", 100)

    def test_bits_beyond_the_last_haplotype(self, block: SparseBlock) -> None:
        marks = replace(block.marks, packed=block.marks.packed | 0x80)
        with pytest.raises(ValueError, match="a chunk does not hold what it must"):
            unpack_chunk(pack_chunk(replace(block, marks=replace(marks, haplotypes=198))), "20", 99)

    @pytest.mark.parametrize(
        "head",
        [
            b"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999,), }",
            b"{'descr': '|u1', 'fortran_order': False, 'shape': (",
            b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
            b"[]",
        ],
    )
    def test_arrays(self, head: bytes) -> None:
        data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head) + 1) + head + b"\n"
        with pytest.raises(ValueError, match=r"garbled|descr|[Hh]eader|dictionary"):
            unpack_chunk(data + b"x" * 50, "20", 4)


def _blocks() -> list[SparseBlock]:
    from builders import random_block

    block = random_block(1, 40, 4)
    sites = replace(block.sites, alts=[("C",)] * 40)
    return [SparseBlock.from_block(replace(block, sites=sites, alleles=np.minimum(block.alleles, 1)))]


class TestZarr:
    def test_a_zip_archive_without_a_store(self, tmp_path: Path) -> None:
        path = tmp_path / "x.zip"
        # The end of an archive, whose directory is elsewhere.
        path.write_bytes(b"junk" + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 1, 1, 46, 10, 0))
        with pytest.raises(SpinImputeError, match=r"panel .*x\.zip: "), open_variants(path):
            pass

    @pytest.mark.parametrize("name", ["variant_id", "call_genotype_phased", "call_genotype"])
    def test_an_array_without_its_description(self, tmp_path: Path, name: str) -> None:
        path = write_vcz(tmp_path / "x.vcz", RECORDS)
        (path / name / ".zarray").unlink()
        with pytest.raises(SpinImputeError, match=f"VCF Zarr.*{name}"), open_variants(path):
            pass

    def test_a_lost_chunk_of_genotypes_is_noticed(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = write_vcz(tmp_path / "x.vcz", RECORDS, chunk=10)
        list(read_panel(path))
        assert not caplog.messages
        (path / "call_genotype" / "2.0.0").unlink()
        list(read_panel(path))
        assert caplog.messages == [
            f"panel {path}: all genotypes at 20:120-129 are REF; a lost chunk of VCF Zarr reads like that"
        ]
