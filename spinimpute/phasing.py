"""Phasing: unphased genotypes of the target are put in order by the panel, a section of typed records at a
time.

No more than a section of the panel is held. How a section is phased: `rephasing`.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from spinimpute.alignment import TypedBlock
from spinimpute.io.inputs import TargetChromosome
from spinimpute.io.rows import ImputedBlock
from spinimpute.io.sparse import variant_alleles
from spinimpute.rephasing import TypedSection
from spinimpute.sites import Sites

# Typed records phased together, and those that a section shares with its neighbours on either side: on the
# left their phase is settled, on the right the next section settles it.
SECTION, FLANK = 4096, 256
# From how many haplotypes of the target for each of the panel on they are copied from as well
# (benchmarks/phasing).
COHORT = 0.05
PIECE = 1024  # records made ready for writing at a time

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PhasedSection:
    """Consecutive typed records after phasing: alleles (M, T) int8 in the panel's coding, -1 missing.

    sites are the panel's; name and target_record (M,) tell where the target has them; swapped (M, S) which
    genotypes have their alleles the other way round there. If asked for, filled (Q, C) holds the
    probabilities of C allele codes for the Q missing alleles, in the order of (M, T). haploid (S,) marks the
    samples that are haploid there, None if there are none.
    """

    name: str
    sites: Sites
    target_record: NDArray[np.int64]
    swapped: NDArray[np.bool_]
    alleles: NDArray[np.int8]
    filled: NDArray[np.float32] | None
    haploid: NDArray[np.bool_] | None

    def blocks(self, size: int = PIECE) -> Iterator[ImputedBlock]:
        """Yield the records to write, some at a time: phased genotypes, and doses of filled alleles."""
        assert self.filled is not None
        last = 0
        for low in range(0, len(self.sites), size):
            sites, codes = self.sites.take(slice(low, low + size)), self.alleles[low : low + size]
            missing = codes < 0
            first, last = last, last + int(missing.sum())
            record, allele = variant_alleles(sites)
            doses = (codes[record] == allele[:, None]).astype(np.float32)
            # A code beyond the section's own has no carriers in the panel, so nothing is filled with it.
            by_code = np.zeros(
                (*codes.shape, 1 + max(int(allele.max(initial=0)), self.filled.shape[1])), np.float32
            )
            by_code[missing, : self.filled.shape[1]] = self.filled[first:last]
            np.copyto(doses, by_code[record, :, allele], where=missing[record])
            typed = np.ones(len(sites), np.bool_)
            yield ImputedBlock(sites, record, doses, codes, typed, haploid=self.haploid)


def count_unphased(target: Mapping[str, TargetChromosome]) -> int:
    """How many genotypes of the target are unphased; the log says so too."""
    marks = [found.unphased for found in target.values() if found.unphased is not None]
    genotypes = sum(int(mark.sum()) for mark in marks)
    if genotypes:
        people = int(np.any([mark.any(axis=0) for mark in marks], axis=0).sum())
        logger.info("%d genotypes of %d people are unphased and are phased first", genotypes, people)
    return genotypes


def is_cohort(samples: int, panel_haplotypes: int) -> bool:
    """Whether a target is so large beside the panel that its people are phased by each other too."""
    return 2 * samples >= COHORT * panel_haplotypes


def phased_target(
    target: Mapping[str, TargetChromosome], sections: Iterable[PhasedSection]
) -> dict[str, TargetChromosome]:
    """The target with its alleles in the order that phasing found; records that the panel lacks stay as they
    are.
    """
    alleles = {name: found.alleles.copy() for name, found in target.items()}
    unphased = {
        name: None if found.unphased is None else found.unphased.copy() for name, found in target.items()
    }
    for section in sections:
        if (still := unphased[section.name]) is not None:
            still[section.target_record] = False
        pairs = alleles[section.name].reshape(len(alleles[section.name]), -1, 2)
        rows, people = np.nonzero(section.swapped)
        rows = section.target_record[rows]
        pairs[rows, people] = pairs[rows, people, ::-1]
    return {
        name: replace(found, alleles=alleles[name], unphased=unphased[name]) for name, found in target.items()
    }


@dataclass(frozen=True)
class Phaser:
    """How to phase: each of the samples has a random stream of its own, by its name and the seed. A cohort,
    which must be all samples of the target, is phased by itself too.
    """

    samples: Sequence[str]
    seed: int
    threads: int
    cohort: bool
    fill: bool = False

    def sections(
        self, blocks: Iterable[TypedBlock], target: Mapping[str, TargetChromosome]
    ) -> Iterator[PhasedSection]:
        """Yield all typed records of the target, phased."""
        if self.cohort and any(found.unphased is not None for found in target.values()):
            logger.info("people are phased from each other too, as they are many beside the panel")
        for (name, *_), chromosome in groupby(blocks, key=_stretch):
            yield from self._chromosome(chromosome, target[name].unphased)

    def _chromosome(
        self, blocks: Iterator[TypedBlock], unphased: NDArray[np.bool_] | None
    ) -> Iterator[PhasedSection]:
        held: list[TypedBlock] = []
        settled = np.empty((0, 2 * len(self.samples)), np.int8)
        for block in blocks:
            held.append(block)
            if sum(len(part.cm) for part in held) < SECTION + FLANK:
                continue
            whole = _join(held)
            while len(whole.cm) >= SECTION + FLANK:
                part = _rows(whole, slice(0, SECTION))
                section = self._section(part, settled, SECTION - FLANK, unphased)
                yield section
                settled = section.alleles[-FLANK:]
                whole = _rows(whole, slice(SECTION - 2 * FLANK, None))
            held = [whole]
        if sum(len(part.cm) for part in held) > len(settled):
            whole = _join(held)
            yield self._section(whole, settled, len(whole.cm), unphased)

    def _section(
        self, block: TypedBlock, settled: NDArray[np.int8], end: int, unphased: NDArray[np.bool_] | None
    ) -> PhasedSection:
        """Phase the records behind the settled ones, and return those before end."""
        begin = len(settled)
        alleles = np.concatenate([settled, block.alleles[begin:]])
        window = TypedSection(block.cm, block.panel.view(np.uint8), self.threads, self.cohort)
        if unphased is not None:
            is_open = unphased[block.target_record]
            is_open[:begin] = False
            people = np.flatnonzero(is_open.any(axis=0))
            start = int(block.sites.pos[begin])
            seeds = [[self.seed, start, zlib.crc32(self.samples[s].encode())] for s in people.tolist()]
            if len(people):
                window.phase(alleles, is_open, people, seeds)
        kept = slice(begin, end)
        filled = window.fill(alleles, kept) if self.fill else None
        return PhasedSection(
            name=block.name,
            sites=block.sites.take(kept),
            target_record=block.target_record[kept],
            swapped=(alleles != block.alleles)[kept, 0::2],
            alleles=alleles[kept],
            filled=filled,
            haploid=block.haploid,
        )


def _stretch(block: TypedBlock) -> tuple[str, int, bool]:
    """What changes from one chromosome, or stretch of the same ploidy, to the next."""
    return block.name, block.panel.shape[1], block.haploid is not None


def _join(blocks: Sequence[TypedBlock]) -> TypedBlock:
    """Join consecutive blocks of one chromosome."""
    if len(blocks) == 1:
        return blocks[0]
    return TypedBlock(
        blocks[0].name,
        Sites.concatenate([block.sites for block in blocks]),
        np.concatenate([block.cm for block in blocks]),
        np.concatenate([block.panel for block in blocks]),
        np.concatenate([block.alleles for block in blocks]),
        np.concatenate([block.target_record for block in blocks]),
        blocks[0].haploid,
    )


def _rows(block: TypedBlock, rows: slice) -> TypedBlock:
    return TypedBlock(
        block.name,
        block.sites.take(rows),
        block.cm[rows],
        block.panel[rows],
        block.alleles[rows],
        block.target_record[rows],
        block.haploid,
    )
