"""Panel blocks brought together with the target: same chromosome, same site, same allele codes, map
positions.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from spinimpute.agreement import check_alleles, check_shared_sites, shared_chromosomes
from spinimpute.io.genetic_map import GeneticMap
from spinimpute.io.inputs import TargetChromosome
from spinimpute.io.sparse import SparseBlock
from spinimpute.panel import PanelBlock, TypedRecords, align_block
from spinimpute.sites import FateTable, SiteMatcher, resolve_contig

logger = logging.getLogger(__name__)


class Alignment:
    """Aligns panel blocks with the target's alleles in the panel's coding, and keeps the fate of target
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

    def blocks(self, panel: Iterable[SparseBlock]) -> Iterator[PanelBlock]:
        """Yield the blocks on chromosomes that the target has."""
        for block in panel:
            chrom = block.sites.chrom
            name = resolve_contig(chrom, self._target)
            if chrom not in self._seen:
                self._seen.append(chrom)
                if name is None:
                    logger.warning("chromosome %s is only in the panel and is left out", chrom)
            if name is not None:
                yield self._align(self._without_excluded(block), name)

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

    def _align(self, block: SparseBlock, name: str) -> PanelBlock:
        alleles = self._target[name].alleles
        match = self._matchers[name].match(block.sites)
        typed = np.zeros(len(block.sites), bool)
        typed[match.panel_record] = True
        observed = match.translate(alleles)
        cm = self._map.cm(block.sites.chrom, block.sites.pos)
        return align_block(block, cm, TypedRecords(typed, observed))

    def _without_excluded(self, block: SparseBlock) -> SparseBlock:
        if not self._excluded:
            return block
        kept = ~block.sites.named(self._excluded)
        return block.choose(kept)
