"""Panel blocks brought together with the target: same chromosome, same site, same allele codes, map
positions.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinimpute.agreement import check_alleles, check_shared_sites, shared_chromosomes
from spinimpute.io.genetic_map import GeneticMap
from spinimpute.io.inputs import TargetChromosome
from spinimpute.io.rows import ImputedBlock, TargetOnlyBlock
from spinimpute.io.sparse import SparseBlock
from spinimpute.orientation import FrequencyJudge
from spinimpute.panel import PanelBlock, TypedRecords, align_block
from spinimpute.sites import BlockMatch, Fate, FateTable, SiteMatcher, Sites, resolve_contig

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
    """Aligns panel blocks with the target's alleles in the panel's coding, and keeps the fate of target
    records.

    excluded holds identifiers or CHROM:POS of records to leave out of both files; fix the fates to mend.
    """

    def __init__(
        self,
        target: Mapping[str, TargetChromosome],
        genetic_map: GeneticMap,
        excluded: Collection[str] = (),
        fix: Collection[Fate] = (),
    ) -> None:
        self._target = target
        self._map = genetic_map
        self._excluded = excluded
        self._matchers = {
            chrom: SiteMatcher(found.sites, found.sites.named(excluded), fix)
            for chrom, found in target.items()
        }
        self._seen: list[str] = []

    def blocks(self, panel: Iterable[SparseBlock]) -> Iterator[PanelBlock]:
        """Yield the blocks on chromosomes that the target has."""
        for name, block in self._shared(panel):
            yield self._align(block, name)

    def typed_blocks(self, panel: Iterable[SparseBlock]) -> Iterator[TypedBlock]:
        """Yield only the typed records, on chromosomes that the target has."""
        for name, block in self._shared(panel):
            match = self._match(block, name)
            typed = np.zeros(len(block.sites), np.bool_)
            typed[match.panel_record] = True
            found = block.choose(typed).dense()
            yield TypedBlock(
                name=name,
                sites=found.sites,
                cm=self._map.cm(found.sites.chrom, found.sites.pos),
                panel=found.alleles,
                alleles=match.translate(self._target[name].alleles),
                target_record=match.target_record,
            )

    def with_target_only(self, imputed: Iterable[ImputedBlock]) -> Iterator[ImputedBlock]:
        """Give each block the target-only records up to its end, and a chromosome's last block the rest."""
        for block, following in pairwise(chain(imputed, [None])):
            assert block is not None
            chrom = block.sites.chrom
            goes_on = following is not None and following.sites.chrom == chrom
            name = resolve_contig(chrom, self._target)
            assert name is not None
            rows = self._matchers[name].target_only(int(block.sites.pos[-1]) if goes_on else None)
            found = self._target[name]
            kept = TargetOnlyBlock(
                found.sites.take(rows),
                found.alleles[rows],
                None if found.unphased is None else found.unphased[rows],
            )
            yield replace(block, target_only=kept) if len(rows) else block

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

    def _shared(self, panel: Iterable[SparseBlock]) -> Iterator[tuple[str, SparseBlock]]:
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

    def _align(self, block: SparseBlock, name: str) -> PanelBlock:
        match = self._match(block, name)
        typed = np.zeros(len(block.sites), bool)
        typed[match.panel_record] = True
        observed = match.translate(self._target[name].alleles)
        cm = self._map.cm(block.sites.chrom, block.sites.pos)
        return align_block(block, cm, TypedRecords(typed, observed))

    def _match(self, block: SparseBlock, name: str) -> BlockMatch:
        judge = FrequencyJudge(partial(_alt_share, block), block.marks.haplotypes, self._target[name].alleles)
        return self._matchers[name].match(block.sites, judge)

    def _without_excluded(self, block: SparseBlock) -> SparseBlock:
        if not self._excluded:
            return block
        kept = ~block.sites.named(self._excluded)
        return block.choose(kept)


def _alt_share(block: SparseBlock, row: int) -> float:
    """The share of haplotypes that carry the ALT of a biallelic record."""
    variant = int(np.searchsorted(block.sites.record(), row))
    marked = float(block.marks.part(variant, variant + 1).count[0]) / block.marks.haplotypes
    return 1 - marked if block.flip[variant] else marked
