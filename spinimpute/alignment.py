"""Panel blocks brought together with the target: same chromosome, same site, same allele codes, map
positions.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinimpute.agreement import check_alleles, check_shared_sites, shared_chromosomes
from spinimpute.io.genetic_map import GeneticMap
from spinimpute.io.inputs import TargetChromosome
from spinimpute.io.records import RecordBlock
from spinimpute.panel import PanelBlock, TypedRecords, pack_block
from spinimpute.sites import FateTable, SiteMatcher, Sites, resolve_contig

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TypedBlock:
    """Panel records that the target was typed at; name is how the target spells the chromosome.

    sites, cm (M,) and panel (M, N) are the panel's, alleles (M, T) int8 the target's in the panel's coding,
    -1 missing; target_record (M,) tells where the target has them.
    """

    name: str
    sites: Sites
    cm: NDArray[np.float64]
    panel: NDArray[np.int8]
    alleles: NDArray[np.int8]
    target_record: NDArray[np.int64]


class Alignment:
    """Packs panel blocks with the target's alleles in the panel's coding, and keeps the fate of target
    records.

    excluded holds identifiers or CHROM:POS of records to leave out of both files.
    """

    def __init__(
        self, target: Mapping[str, TargetChromosome], genetic_map: GeneticMap, excluded: Collection[str] = ()
    ) -> None:
        self._target = target
        self._map = genetic_map
        self._excluded = excluded
        self._matchers = {
            chrom: SiteMatcher(found.sites, found.sites.named(excluded)) for chrom, found in target.items()
        }
        self._seen: list[str] = []

    def blocks(self, panel: Iterable[RecordBlock]) -> Iterator[PanelBlock]:
        """Yield the blocks on chromosomes that the target has."""
        for name, block in self._shared(panel):
            yield self._align(block, name)

    def typed_blocks(self, panel: Iterable[RecordBlock]) -> Iterator[TypedBlock]:
        """Yield only the typed records, on chromosomes that the target has."""
        for name, block in self._shared(panel):
            match = self._matchers[name].match(block.sites)
            sites = block.sites.take(match.panel_record)
            yield TypedBlock(
                name=name,
                sites=sites,
                cm=self._map.cm(sites.chrom, sites.pos),
                panel=block.alleles[match.panel_record],
                alleles=match.translate(self._target[name].alleles),
                target_record=match.target_record,
            )

    def finish(self, panel_path: Path, target_path: Path) -> list[FateTable]:
        """Return the fates by chromosome; SpinImputeError if the files share no chromosome or site, or
        disagree.
        """
        shared = shared_chromosomes(self._seen, list(self._target), panel_path, target_path)
        for chrom in self._target:
            if chrom not in shared:
                logger.warning("chromosome %s is only in the target and is not imputed", chrom)
        tables = [matcher.finish() for matcher in self._matchers.values()]
        check_shared_sites(tables, panel_path, target_path)
        check_alleles(tables, target_path)
        return tables

    def _shared(self, panel: Iterable[RecordBlock]) -> Iterator[tuple[str, RecordBlock]]:
        """Yield the blocks on chromosomes that the target has, with the target's name of each."""
        for block in panel:
            chrom = block.sites.chrom
            name = resolve_contig(chrom, self._target)
            if chrom not in self._seen:
                self._seen.append(chrom)
                if name is None:
                    logger.warning("chromosome %s is only in the panel and is left out", chrom)
            if name is not None:
                yield name, self._without_excluded(block)

    def _align(self, block: RecordBlock, name: str) -> PanelBlock:
        alleles = self._target[name].alleles
        match = self._matchers[name].match(block.sites)
        typed = np.zeros(len(block.sites), bool)
        typed[match.panel_record] = True
        observed = match.translate(alleles)
        cm = self._map.cm(block.sites.chrom, block.sites.pos)
        return pack_block(block, cm, TypedRecords(typed, observed))

    def _without_excluded(self, block: RecordBlock) -> RecordBlock:
        if not self._excluded:
            return block
        kept = ~block.sites.named(self._excluded)
        return RecordBlock(block.sites.take(kept), block.alleles[kept], block.phased[kept])
