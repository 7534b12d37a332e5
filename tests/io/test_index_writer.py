"""Indices made while records are written against those that tabix makes of the written file."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinimpute.io.deflate import _BLOCK, BgzfWriter
from spinimpute.io.index import count_records, find_start
from spinimpute.io.index_writer import IndexBuilder
from spinimpute.io.inflate import inflate

CHROMS = ("7", "20", "21")
HEADER = b"##fileformat=VCFv4.3\n" + b"".join(b"##contig=<ID=%s>\n" % c.encode() for c in CHROMS)
HEADER += b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
TBI_LIMIT = 1 << 29
TO_THE_END = -1  # a padding: the line ends where its block does


class Line(NamedTuple):
    chrom: str
    pos: int
    span: int
    padding: int

    def text(self, at: int) -> bytes:
        """The line, which begins at a place in the text."""
        start = f"{self.chrom}\t{self.pos}\t".encode()
        rest = b"\t%s\tC\t.\t.\t.\n" % (b"A" * self.span)
        padding = self.padding
        if padding == TO_THE_END:
            padding = -(at + len(start + rest)) % _BLOCK
        return start + b"x" * max(padding, 1) + rest


class Written(NamedTuple):
    """A file with both indices, each beside a copy of it."""

    ours: Path
    theirs: Path
    builder: IndexBuilder
    lines: list[bytes]

    def indices(self) -> tuple[Path, Path]:
        suffix = ".csi" if self.builder.is_csi else ".tbi"
        ours, theirs = (path.with_name(path.name + suffix) for path in (self.ours, self.theirs))
        return ours, theirs


def write(folder: Path, records: Sequence[Line], piece: int = 100) -> Written:
    """Write records, some at a time, and both indices."""
    ours, theirs = folder / "ours.vcf.gz", folder / "theirs.vcf.gz"
    builder, lines, at = IndexBuilder(), [], len(HEADER)
    for record in records:
        lines.append(record.text(at))
        at += len(lines[-1])
    with BgzfWriter(ours) as file:
        file.write(HEADER + b"".join(lines))
    for chrom in dict.fromkeys(record.chrom for record in records):
        rows = [i for i, record in enumerate(records) if record.chrom == chrom]
        for low in range(0, len(rows), piece):
            part = rows[low : low + piece]
            columns = [(records[i].pos, records[i].span, len(lines[i])) for i in part]
            builder.add(chrom, *np.array(columns, np.int64).T)
    written = Written(ours, theirs, builder, lines)
    with BgzfWriter(written.indices()[0]) as index:
        index.write(builder.content(lambda places: file.virtual(len(HEADER) + places)))
    shutil.copy(ours, theirs)
    pysam.tabix_index(str(theirs), preset="vcf", force=True, csi=builder.is_csi)
    return written


def assert_same(written: Written, regions: Sequence[tuple[str, int, int]]) -> None:
    """Both indices lead to the same records, and so does our reader of indices."""
    mine, other = written.indices()
    assert count_records(mine, []) == count_records(other, [])
    with (
        pysam.TabixFile(str(written.ours), index=str(mine)) as ours,
        pysam.TabixFile(str(written.theirs), index=str(other)) as theirs,
    ):
        assert ours.contigs == theirs.contigs
        for chrom, low, high in regions:
            if chrom not in ours.contigs:
                assert find_start(mine, [], chrom, low) is None
                continue
            found = list(ours.fetch(chrom, low - 1, high))
            assert found == list(theirs.fetch(chrom, low - 1, high))
            start = find_start(mine, [], chrom, low)
            assert start is not None
            rest = b"".join(inflate(written.ours, "x", offset=start))
            assert rest in b"".join(written.lines)
            late = [line for line in written.lines if is_after(line, chrom, low)]
            assert rest.endswith(b"".join(late))


def is_after(line: bytes, chrom: str, low: int) -> bool:
    """Whether the record stands at or behind a place; CHROMS are in the order of their numbers."""
    name, pos = line.split(b"\t", 2)[:2]
    return (int(name), int(pos)) >= (int(chrom), low)


@st.composite
def records_and_regions(draw: st.DrawFn) -> tuple[list[Line], list[tuple[str, int, int]]]:
    """Lines on up to three chromosomes, perhaps far out, and regions around them."""
    begin = draw(st.sampled_from([0, 0, 1, 1 << 20, TBI_LIMIT - (1 << 15), TBI_LIMIT + 5, 1 << 30]))
    step = st.sampled_from([0, 0, 1, 5, 5000, 1 << 14, 100_000, 3_000_000])
    span = st.sampled_from([1, 1, 1, 2, 400, 1 << 14, 150_000])
    padding = st.sampled_from([1, 1, 10, 5000, 70_000, TO_THE_END])
    lines, regions = [], [("7", 1, TBI_LIMIT)]
    for chrom in CHROMS:
        pos = begin
        for _ in range(draw(st.integers(0, 12))):
            pos += draw(step)
            lines.append(Line(chrom, pos, draw(span), draw(padding)))
        for _ in range(4):
            low = max(1, draw(st.integers(begin, pos + 10)))
            regions.append((chrom, low, low + draw(step)))
    return lines, regions


@settings(max_examples=80, deadline=None)
@given(records_and_regions(), st.integers(1, 9))
def test_same_records_as_by_tabix(drawn: tuple[list[Line], list[tuple[str, int, int]]], piece: int) -> None:
    records, regions = drawn
    with TemporaryDirectory() as folder:
        assert_same(write(Path(folder), records, piece), regions)


def many(begin: int) -> list[Line]:
    """Records of two chromosomes in many bins and blocks, every tenth a long deletion."""
    rng = np.random.default_rng(4)
    pos = begin + np.sort(rng.integers(1, 2_000_000, 1500))
    spans = np.where(np.arange(1500) % 10, 1, rng.integers(1, 20_000, 1500))
    columns = list(zip(pos.tolist(), spans.tolist(), rng.integers(1, 3000, 1500).tolist(), strict=True))
    return [Line(chrom, *row) for chrom in ("7", "21") for row in columns]


@pytest.mark.parametrize("begin", [0, TBI_LIMIT - 1_000_000], ids=["tbi", "csi"])
def test_many_bins(tmp_path: Path, begin: int) -> None:
    written = write(tmp_path, many(begin))
    rng = np.random.default_rng(6)
    bounds = begin + np.sort(rng.integers(1, 2_100_000, (40, 2)), axis=1)
    assert_same(written, [("21", low, high) for low, high in bounds.tolist()])
    for tool in ("-n", "-s"):
        counted = [
            subprocess.run(["bcftools", "index", tool, path], check=True, capture_output=True).stdout
            for path in (written.ours, written.theirs)
        ]
        assert counted[0] == counted[1] != b""


def test_windows_lead_where_those_of_tabix_do(tmp_path: Path) -> None:
    """A window that led too far forward would lose records, one too far back only time: so they are equal."""
    ours, theirs = (b"".join(inflate(path, "x")) for path in write(tmp_path, many(0)).indices())
    last = max(line.pos + line.span - 2 for line in many(0)) >> 14
    tail = 4 + 8 * (last + 1) + 8
    assert ours[-tail:] == theirs[-tail:]
    assert struct.unpack_from("<i", ours, len(ours) - tail) == (last + 1,)


def test_no_records(tmp_path: Path) -> None:
    written = write(tmp_path, [])
    ours, theirs = (b"".join(inflate(path, "x")) for path in written.indices())
    assert ours == theirs
    assert count_records(written.indices()[0], []) == {}


@pytest.mark.parametrize(
    ("pos", "span", "is_csi"),
    [(TBI_LIMIT - 1, 1, False), (TBI_LIMIT, 1, True), (TBI_LIMIT - 9, 9, False), (TBI_LIMIT - 9, 10, True)],
)
def test_far_ends_need_csi(tmp_path: Path, pos: int, span: int, is_csi: bool) -> None:
    written = write(tmp_path, [Line("20", 5, 1, 1), Line("20", pos, span, 1)])
    assert written.builder.is_csi == is_csi
    assert_same(written, [("20", 1, 10), ("20", pos - 3, pos), ("20", pos + span - 1, pos + span - 1)])


def test_order() -> None:
    def add(builder: IndexBuilder, chrom: str, *pos: int) -> None:
        ones = np.ones(len(pos), np.int64)
        builder.add(chrom, np.array(pos, np.int64), ones, ones)

    for wrong in ([("20", 5, 4)], [("20", 5), ("20", 4)], [("20", 5), ("21", 1), ("20", 6)]):
        builder = IndexBuilder()
        for chrom, *pos in wrong[:-1]:
            add(builder, str(chrom), *map(int, pos))
        chrom, *pos = wrong[-1]
        with pytest.raises(ValueError, match="must be in coordinate order"):
            add(builder, str(chrom), *map(int, pos))
