"""Variant files as blocks of sites and haplotype alleles."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType

from spinimpute.io.binary import BinarySource, read_binary_header
from spinimpute.io.contents import Count, FileCount, Kind
from spinimpute.io.counts import extrapolated_records, indexed_records, indexed_share
from spinimpute.io.index import find_start, usable_index
from spinimpute.io.inflate import inflate
from spinimpute.io.integrity import check_input, is_binary
from spinimpute.io.records import RecordBlock, Source, in_order, kept_samples
from spinimpute.io.region import Region
from spinimpute.io.spool import spooled
from spinimpute.io.text import Header, TextSource, read_header
from spinimpute.provenance import sha256
from spinimpute.sites import resolve_contig

__all__ = ["RecordBlock", "Region", "VariantFile"]


class VariantFile:
    """A VCF or BCF file without the samples to exclude, read on a few threads.

    The path may be "-", standard input, or an address that htslib knows, such as https://... samples are
    those read; contigs gives the length of each declared contig, None if unknown. SpinImputeError if the file
    is not whole or has no samples or a faulty header.
    """

    checked = False

    def __init__(
        self, path: Path, role: str = "panel", exclude_samples: Collection[str] = (), threads: int = 2
    ) -> None:
        self.where = f"{role} {path}"
        self._spool = spooled(path, self.where)
        self.path = Path(self._spool.name) if self._spool else path
        self._threads = threads
        try:
            check_input(self.path, role, self.where)
            self._binary = is_binary(self.path)
            header, self._numbered = self._header()
        except BaseException:
            self.close()
            raise
        self.samples = kept_samples(header.samples, exclude_samples, self.where)
        self.contigs = header.contigs

    def __enter__(self) -> VariantFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the copy of what is no file, if there is one; blocks cannot be read after it."""
        if self._spool:
            self._spool.close()

    def digest(self) -> str:
        """SHA-256 of the file."""
        return sha256(self.path)

    @property
    def kind(self) -> Kind:
        """VCF or BCF."""
        return Kind.BINARY if self._binary else Kind.TEXT

    @property
    def indexed(self) -> bool:
        """Whether a region can be read without the rest: an index exists and is not older than the file."""
        return usable_index(self.path) is not None

    def count(self) -> FileCount:
        """Records as the index counts them, or else about how many; SpinImputeError if corrupt."""
        by_chrom = indexed_records(self.path, self._numbered)
        return FileCount.exact(by_chrom) if by_chrom else FileCount(self._extrapolated())

    def region_count(self, region: Region) -> Count | None:
        """Records in a region by the places that the index has for it; None without an index.

        SpinImputeError if the index is malformed.
        """
        if not self.indexed:
            return None
        by_chrom = indexed_records(self.path, self._numbered)
        name = resolve_contig(region.chrom, by_chrom or self.contigs) or region.chrom
        if by_chrom and region.whole:
            return Count(by_chrom.get(name, 0), exact=True)
        share = indexed_share(self.path, self._numbered, Region(name, region.start, region.end))
        most = by_chrom.get(name, 0) if by_chrom else self._extrapolated()
        return Count(round(most * share), exact=False)

    def blocks(self, max_records: int = 1024, region: Region | None = None) -> Iterator[RecordBlock]:
        """Yield blocks of about max_records, which span one chromosome and never part a position.

        SpinImputeError at records out of order, without diploid genotypes, or that cannot be parsed.
        """
        source = self._source(region)
        if source is None:
            return
        began = False
        for block in in_order(source, self.where, len(self.samples), max_records):
            self.contigs.setdefault(block.sites.chrom, None)
            if region is None:
                yield block
            elif resolve_contig(region.chrom, [block.sites.chrom]):
                began = True
                yield from _inside(region, block)
                if region.ends_before(int(block.sites.pos[-1])):
                    return
            elif began:
                return

    def _extrapolated(self) -> int:
        return extrapolated_records(self.path, self.where)

    def _header(self) -> tuple[Header, list[str]]:
        """The header and its contigs in the order in which an index numbers them."""
        pieces = inflate(self.path, self.where, 1)
        if not self._binary:
            header = read_header(pieces, self.where)[0]
            return header, list(header.contigs)
        found = read_binary_header(pieces, self.where)[0]
        return found.header, [found.chroms.get(i, "") for i in range(max(found.chroms, default=-1) + 1)]

    def _source(self, region: Region | None) -> Source | None:
        """The records from a region's start on; None if the file has none on its chromosome."""
        source = BinarySource if self._binary else TextSource
        name = resolve_contig(region.chrom, self.contigs) if region else None
        index = usable_index(self.path)
        if region is None or name is None or index is None:
            return source(self.path, self.where, self.samples, self._threads)
        offset = find_start(index, self._numbered, name, region.start or 1)
        return source(self.path, self.where, self.samples, self._threads, offset) if offset else None


def _inside(region: Region, block: RecordBlock) -> Iterator[RecordBlock]:
    """The records that begin in the region, if any: an index also gives those that reach into it."""
    rows = region.rows(block.sites.pos)
    if rows.start < rows.stop:
        yield RecordBlock(block.sites.take(rows), block.alleles[rows], block.phased[rows])
