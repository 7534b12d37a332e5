"""Panel blocks brought together with the target: same chromosome, same site, same allele codes, map
positions.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinimpute.agreement import check_alleles, check_shared_sites, shared_chromosomes
from spinimpute.io.genetic_map import GeneticMap
from spinimpute.io.inputs import TargetChromosome
from spinimpute.io.rows import TargetOnlyBlock
from spinimpute.io.sparse import SparseBlock
from spinimpute.orientation import FrequencyJudge, Verdicts
from spinimpute.panel import PanelBlock, TypedRecords, align_block
from spinimpute.sites import BlockMatch, Fate, FateTable, SiteMatcher, Sites, resolve_contig

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TypedBlock:
    """Panel records that the target was typed at; name is how the target spells the chromosome.

    sites, cm (M,) and panel (M, N) are the panel's, alleles (M, T) int8 the target's in the panel's coding,
    -1 missing; target_record (M,) tells where the target has them. haploid (S,) marks the samples that are
    haploid there, None if there are none.
    """

    name: str
    sites: Sites
    cm: NDArray[np.float64]
    panel: NDArray[np.int8]
    alleles: NDArray[np.int8]
    target_record: NDArray[np.int64]
    haploid: NDArray[np.bool_] | None = None


class Alignment:
    """Aligns panel blocks with the target's alleles in the panel's coding, and keeps the fate of target
    records.

    excluded holds identifiers or CHROM:POS of records to leave out of both files; fix the fates to mend;
    contigs the panel's lengths of chromosomes, None if unknown; verdicts those on ambiguous records, where
    not all samples are at hand. No block has records of different ploidy.
    """

    def __init__(
        self,
        target: Mapping[str, TargetChromosome],
        genetic_map: GeneticMap,
        excluded: Collection[str] = (),
        fix: Collection[Fate] = (),
        contigs: Mapping[str, int | None] | None = None,
        verdicts: Verdicts | None = None,
    ) -> None:
        self._target = target
        self._contigs = contigs or {}
        self._panel_haploid: set[str] = set()
        self._verdicts = Verdicts() if verdicts is None else verdicts
        self._map = genetic_map
        self._excluded = excluded
        self._matchers = {
            chrom: SiteMatcher(found.sites, found.sites.named(excluded), fix)
            for chrom, found in target.items()
        }
        self._seen: list[str] = []

    def blocks(self, panel: Iterable[SparseBlock]) -> Iterator[PanelBlock]:
        """Yield the blocks on chromosomes that the target has."""
        for name, block, haploid in self._shared(panel):
            yield self._align(block, name, haploid)

    def typed_blocks(self, panel: Iterable[SparseBlock]) -> Iterator[TypedBlock]:
        """Yield only the typed records, on chromosomes that the target has."""
        for name, block, haploid in self._shared(panel):
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
                haploid=haploid,
            )

    def target_only(self, chrom: str, position: int | None) -> TargetOnlyBlock:
        """The target-only records of a panel's chromosome up to a position that was passed (None: all), each
        once; they are noted as kept.
        """
        name = resolve_contig(chrom, self._target)
        assert name is not None
        rows, found = self._matchers[name].target_only(position), self._target[name]
        return TargetOnlyBlock(
            found.sites.take(rows),
            found.alleles[rows],
            None if found.unphased is None else found.unphased[rows],
            self._haploid_genotypes(found, rows),
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
        check_alleles(tables, target_path)
        check_shared_sites(tables, panel_path, target_path)
        return tables

    def _shared(
        self, panel: Iterable[SparseBlock]
    ) -> Iterator[tuple[str, SparseBlock, NDArray[np.bool_] | None]]:
        """Yield the blocks on chromosomes that the target has, with the target's name of each and which
        samples (S,) of the target are haploid there.
        """
        for block, following in pairwise(chain(panel, [None])):
            assert block is not None
            chrom = block.sites.chrom
            if any(
                each and each.haploid is not None and each.sites.chrom == chrom for each in (block, following)
            ):
                self._panel_haploid.add(chrom)
            name = resolve_contig(chrom, self._target)
            if chrom not in self._seen:
                self._seen.append(chrom)
                if name is None:
                    logger.warning("chromosome %s is only in the panel and is left out", chrom)
            if name is not None:
                for part, haploid in self._by_ploidy(self._without_excluded(block), name):
                    yield name, part, haploid

    def _by_ploidy(
        self, block: SparseBlock, name: str
    ) -> Iterator[tuple[SparseBlock, NDArray[np.bool_] | None]]:
        """Cut a block where the target's ploidy changes."""
        found, chrom = self._target[name].haploid, block.sites.chrom
        if found is None or not len(block.sites):
            yield block, None
            return
        panel = (block.haploid is not None) if chrom in self._panel_haploid else None
        inside = found.at(block.sites.pos, self._contigs.get(chrom), panel)
        bounds = [0, *(np.flatnonzero(np.diff(inside)) + 1).tolist(), len(inside)]
        for low, high in pairwise(bounds):
            yield block.records(low, high), found.samples if inside[low] else None

    def _haploid_genotypes(
        self, found: TargetChromosome, rows: NDArray[np.int64]
    ) -> NDArray[np.bool_] | None:
        """Which genotypes (R, S) of some target records are haploid."""
        if found.haploid is None:
            return None
        inside = found.haploid.at(found.sites.pos[rows], None, None)
        return np.asarray(inside[:, None] & found.haploid.samples)

    def _align(self, block: SparseBlock, name: str, haploid: NDArray[np.bool_] | None) -> PanelBlock:
        match = self._match(block, name)
        typed = np.zeros(len(block.sites), bool)
        typed[match.panel_record] = True
        observed = match.translate(self._target[name].alleles)
        cm = self._map.cm(block.sites.chrom, block.sites.pos)
        return align_block(block, cm, TypedRecords(typed, observed, haploid))

    def _match(self, block: SparseBlock, name: str) -> BlockMatch:
        target = self._target[name]
        judge = FrequencyJudge(partial(_alt_share, block), block.marks.haplotypes, target.alleles)
        return self._matchers[name].match(block.sites, self._verdicts.judge(target.sites, judge))

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
