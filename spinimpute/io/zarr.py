"""VCF Zarr stores as bio2zarr writes them, folders or ZIP archives, as records.

Such a store holds no checksums, and leaves out chunks of zeros: a chunk of genotypes that was lost reads as
REF alleles.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.contents import Count, FileCount, Kind
from spinimpute.io.decoded import (
    MALFORMED,
    MOST_ALLELES,
    OUT_OF_RANGE,
    POLYPLOID,
    Decoded,
    genotype_error,
)
from spinimpute.io.records import (
    ABSENT,
    MISSING,
    Batch,
    RecordBlock,
    check_unique_names,
    in_order,
    kept_samples,
)
from spinimpute.io.region import Region
from spinimpute.io.zarr_arrays import ZarrArrays
from spinimpute.provenance import sha256
from spinimpute.sites import resolve_contig

logger = logging.getLogger(__name__)

_FILL = ABSENT  # stands where a genotype of lower ploidy has no allele


class ZarrFile:
    """A VCF Zarr store without the samples to exclude.

    samples are those read; contigs gives the length of each contig, None if unknown. SpinImputeError if the
    store is none of VCF Zarr or has no samples.
    """

    checked = False
    indexed = True
    kind = Kind.ZARR

    def __init__(self, path: Path, role: str = "panel", exclude_samples: Collection[str] = ()) -> None:
        self.path = path
        self.where = f"{role} {path}"
        self._arrays = ZarrArrays(path, self.where)
        try:
            self._names = self._arrays.strings("sample_id")
            self._contigs = self._arrays.strings("contig_id")
            known = "contig_length" in self._arrays
            lengths: list[int] = self._arrays.rows("contig_length").tolist() if known else []
            check_unique_names(self._names, self.where)
            self.samples = kept_samples(self._names, exclude_samples, self.where)
        except BaseException:
            self.close()
            raise
        self.contigs: dict[str, int | None] = dict.fromkeys(self._contigs)
        self.contigs |= {name: n for name, n in zip(self._contigs, lengths, strict=False) if n > 0}

    def __enter__(self) -> ZarrFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store."""
        self._arrays.close()

    def digest(self) -> str:
        """SHA-256 of the archive, or of the names and digests of the folder's files."""
        return sha256(self.path)

    def count(self) -> FileCount:
        """Records by chromosome; SpinImputeError if some name none."""
        numbers, counts = np.unique(self._arrays.rows("variant_contig"), return_counts=True)
        named = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        for number in named:
            if not 0 <= number < len(self._contigs):
                found = f"contig number {number}"
                raise SpinImputeError("every record needs a contig", where=self.where, found=found)
        return FileCount.exact({self._contigs[int(number)]: count for number, count in named.items()})

    def region_count(self, region: Region) -> Count:
        """Records in a region, by the positions of all."""
        begin, end = self._inside(region)
        return Count(end - begin, exact=True)

    def blocks(self, max_records: int = 1024, region: Region | None = None) -> Iterator[RecordBlock]:
        """Yield blocks of about max_records, which span one chromosome and never part a position.

        SpinImputeError at records out of order, without diploid genotypes, or that cannot be read.
        """
        begin, end = self._inside(region) if region else (0, self._arrays.length)
        source = _ZarrSource(self._arrays, self._contigs, self._names, self.samples, begin, end)
        yield from in_order(source, self.where, len(self.samples), max_records)

    def _inside(self, region: Region) -> tuple[int, int]:
        """The records from the first to the last that lie in a region."""
        name = resolve_contig(region.chrom, self._contigs)
        if name is None:
            return 0, 0
        pos = self._arrays.rows("variant_position")
        inside = self._arrays.rows("variant_contig") == self._contigs.index(name)
        inside &= pos >= (region.start or 1)
        if region.end is not None:
            inside &= pos <= region.end
        rows = np.flatnonzero(inside)
        return (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)


class _ZarrSource:
    """Records begin to end of a store for some of its samples."""

    def __init__(
        self, arrays: ZarrArrays, contigs: list[str], names: list[str], kept: list[str], begin: int, end: int
    ) -> None:
        self._arrays = arrays
        self._contigs = contigs
        self._names = names
        chosen = set(kept)
        self._columns = np.array([i for i, name in enumerate(names) if name in chosen])
        self._all = len(kept) == len(names)
        self._next, self._end = begin, end
        self._piece = Batch(len(kept), 0)
        self._used = 0

    def fill(self, batch: Batch) -> bool:
        """Append records until the batch is full; False once the store is exhausted."""
        while batch.room:
            left = len(self._piece) - self._used
            if not left:
                if self._next >= self._end:
                    return False
                self._advance()
                continue
            end = self._used + min(batch.room, left)
            batch.extend(self._piece, self._used, end)
            self._used = end
        return True

    def _advance(self) -> None:
        """Read up to the end of the next chunk."""
        begin, step = self._next, self._arrays.step
        end = min(self._end, (begin // step + 1) * step)
        piece = self._sites(begin, end)
        genotypes = self._diploid(piece, self._genotypes(begin, end))
        if not genotypes.any() and len(piece) > 1:
            last = f"{piece.chroms[0]}:{piece.pos[0]}-{piece.pos[-1]}"
            logger.warning(
                "%s: all genotypes at %s are REF; a lost chunk of VCF Zarr reads like that",
                self._arrays.where, last,
            )  # fmt: skip
        piece.alleles = genotypes.reshape(len(piece), -1).astype(np.int8, copy=False)
        piece.phased = self._phased(begin, end) | (genotypes[:, :, 1] == ABSENT)
        self._piece, self._used, self._next = piece, 0, end

    def _sites(self, begin: int, end: int) -> Batch:
        """The records from begin to end, still without genotypes."""
        piece = Batch(len(self._columns), 0)
        contig = self._arrays.rows("variant_contig", begin, end).tolist()
        piece.pos = self._arrays.rows("variant_position", begin, end)
        alleles = self._arrays.strings("variant_allele", begin, end)
        named = "variant_id" in self._arrays
        ids = self._arrays.strings("variant_id", begin, end) if named else ["."] * len(contig)
        piece.ids = [name or "." for name in ids]
        for number, (ref, *alts) in zip(contig, alleles, strict=True):
            if not 0 <= number < len(self._contigs) or not ref:
                position = piece.pos[len(piece)]
                found = f"contig number {number}, position {position}, REF {ref!r}"
                raise SpinImputeError(
                    "every record needs a contig and a REF", where=self._arrays.where, found=found
                )
            piece.chroms.append(self._contigs[number])
            piece.refs.append(ref)
            piece.alts.append(tuple(alt for alt in alts if alt and alt != "."))
        return piece

    def _genotypes(self, begin: int, end: int) -> NDArray[np.integer]:
        """Allele codes (R, S, P) of the samples kept, P alleles each."""
        genotypes: NDArray[np.integer] = self._arrays.rows("call_genotype", begin, end)
        return genotypes if self._all else genotypes[:, self._columns]

    def _phased(self, begin: int, end: int) -> NDArray[np.bool_]:
        if "call_genotype_phased" not in self._arrays:
            return np.zeros((end - begin, len(self._columns)), np.bool_)
        phased: NDArray[np.bool_] = self._arrays.rows("call_genotype_phased", begin, end)
        return phased if self._all else phased[:, self._columns]

    def _diploid(self, sites: Batch, genotypes: NDArray[np.integer]) -> NDArray[np.integer]:
        """Allele codes (R, S, 2), all of their record; the store may have room for a higher ploidy, or not
        for two.
        """
        if genotypes.shape[2] == 1:
            genotypes = np.concatenate([genotypes, np.full_like(genotypes, _FILL)], axis=2)
        self._refuse(POLYPLOID, genotypes[:, :, 2:] != _FILL, sites, genotypes)
        genotypes = genotypes[:, :, :2]
        if genotypes.min() < MISSING:
            self._refuse(MALFORMED, genotypes < [MISSING, ABSENT], sites, genotypes)
            unknown = (genotypes[:, :, 0] == MISSING) & (genotypes[:, :, 1] == _FILL)
            genotypes = genotypes.copy()
            genotypes[unknown, 1] = MISSING
        most = np.array([min(len(alts), MOST_ALLELES) for alts in sites.alts])
        if (genotypes.max(axis=(1, 2)) > most).any():
            self._refuse(OUT_OF_RANGE, genotypes > most[:, None, None], sites, genotypes)
        return genotypes

    def _refuse(
        self, kind: int, fault: NDArray[np.bool_], sites: Batch, genotypes: NDArray[np.integer]
    ) -> None:
        if not fault.any():
            return
        record, sample = np.argwhere(fault)[0][:2].tolist()
        column = int(self._columns[sample])
        done = Decoded(0, 0, 0, 0, kind, column, int(genotypes[record, sample].max()))
        where = (
            f"{self._arrays.where} {sites.chroms[record]}:{sites.pos[record]} sample {self._names[column]}"
        )
        raise genotype_error(done, where)
