"""Prepared panels are made from panels of any kind, and compared with them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinimpute import __version__
from spinimpute.errors import SpinImputeError
from spinimpute.io.inputs import VariantReader, open_variants, panel_blocks
from spinimpute.io.integrity import check_output
from spinimpute.io.outputs import atomic_output
from spinimpute.io.prepared import PanelArchive, PanelDetails, PreparedPanel
from spinimpute.io.records import RecordBlock
from spinimpute.io.region import Region


@dataclass(frozen=True)
class PanelSummary:
    """A prepared panel at a glance; records counts them by chromosome, span gives first and last position.

    bits are those of the file for each genotype, sparse the share of variants stored as lists of carriers.
    """

    details: PanelDetails
    records: dict[str, int]
    span: dict[str, tuple[int, int]]
    size: int
    bits: float
    sparse: float


def build_panel(ref: Path, out: Path, region: Region | None = None) -> None:
    """Prepare a panel, or a region of it; SpinImputeError if it cannot be used or out not be written."""
    check_output(out, [ref])
    empty = True
    with open_variants(ref) as source, atomic_output(out) as partial, PanelArchive(partial) as archive:
        for block in panel_blocks(source, region):
            archive.add(block)
            empty = False
        if empty:
            raise SpinImputeError(
                "the panel must have records", where=source.where, found=f"none in {region}"
            )
        archive.finish(_details(source, ref, region))


def summarise(panel: PreparedPanel) -> PanelSummary:
    """Describe a prepared panel from its index."""
    records = panel.count().by_chrom or {}
    span: dict[str, tuple[int, int]] = {}
    for chunk in panel.chunks:
        span[chunk.chrom] = span.get(chunk.chrom, (chunk.first, 0))[0], chunk.last
    size = panel.path.stat().st_size
    variants = sum(chunk.variants for chunk in panel.chunks)
    sparse = sum(chunk.sparse for chunk in panel.chunks) / max(1, variants)
    bits = 8 * size / (sum(records.values()) * len(panel.details.samples))
    return PanelSummary(panel.details, records, span, size, bits, sparse)


def verify_panel(path: Path, ref: Path | None = None) -> bool:
    """Read all of a prepared panel, and compare it with ref if given; SpinImputeError at the first fault.

    The result tells whether ref is the very file that the panel was made from; False without ref.
    """
    with PreparedPanel(path) as panel:
        if ref is None:
            for _ in panel.sparse_blocks():
                pass
            return False
        with open_variants(ref, "source") as source:
            _compare(panel, source)
            return panel.digest() == source.digest()


def _details(source: VariantReader, ref: Path, region: Region | None) -> PanelDetails:
    return PanelDetails(
        samples=source.samples,
        contigs=source.contigs,
        source=ref.name,
        sha256=source.digest(),
        region=str(region) if region else None,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        software=__version__,
    )


def _compare(panel: PreparedPanel, source: VariantReader) -> None:
    if panel.samples != source.samples:
        raise SpinImputeError(
            "panel and source must have the same samples in the same order",
            where=panel.where,
            found=f"{len(panel.samples)} in the panel, {len(source.samples)} in {source.where}",
        )
    region = Region.parse(panel.details.region) if panel.details.region else None
    for ours, theirs in _paired(panel.blocks(), panel_blocks(source, region)):
        _compare_blocks(panel.where, ours, theirs)


def _compare_blocks(where: str, ours: RecordBlock, theirs: RecordBlock) -> None:
    a, b = ours.sites, theirs.sites
    keys = [
        list(zip([each.chrom] * len(each), each.pos.tolist(), each.ref, each.alts, each.ids, strict=True))
        for each in (a, b)
    ]
    same_ploidy = ours.alleles.shape == theirs.alleles.shape
    differs = (ours.alleles != theirs.alleles).any(axis=1) if same_ploidy else np.ones(len(a), np.bool_)
    differs |= np.array([x != y for x, y in zip(*keys, strict=True)])
    if differs.any():
        row = int(differs.argmax())
        what = "another genotype" if keys[0][row] == keys[1][row] else f"{b.chrom}:{b.pos[row]}"
        raise SpinImputeError(
            "every record must be as in the source",
            where=f"{where} {a.chrom}:{a.pos[row]}",
            found=f"{what} in the source",
            remedy="build the panel again",
        )


def _paired(
    ours: Iterator[RecordBlock], theirs: Iterator[RecordBlock]
) -> Iterator[tuple[RecordBlock, RecordBlock]]:
    """Pairs of equally many records from two streams that are cut into blocks at different places."""
    a, b = next(ours, None), next(theirs, None)
    while a and b:
        n = min(len(a.sites), len(b.sites))
        yield _rows(a, 0, n), _rows(b, 0, n)
        a = _rows(a, n, len(a.sites)) if n < len(a.sites) else next(ours, None)
        b = _rows(b, n, len(b.sites)) if n < len(b.sites) else next(theirs, None)
    rest = a or b
    if rest:
        raise SpinImputeError(
            "panel and source must have equally many records",
            where=f"{rest.sites.chrom}:{rest.sites.pos[0]}",
            found=f"a record in the {'panel' if a else 'source'} alone",
        )


def _rows(block: RecordBlock, begin: int, end: int) -> RecordBlock:
    rows = slice(begin, end)
    return RecordBlock(block.sites.take(rows), block.alleles[rows], block.phased[rows])
