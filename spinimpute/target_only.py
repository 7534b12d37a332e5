"""Target records that the panel lacks, put amid the imputed ones of their chromosome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path

import numpy as np

from spinimpute.io.outputs import atomic_output
from spinimpute.io.parcels import ParcelFile, ParcelWriter
from spinimpute.io.rows import ImputedBlock, TargetOnlyBlock

_REMEDY = "make the plan again"

# Gives the records of a chromosome up to a position (None: all that are left), each once.
Source = Callable[[str, int | None], TargetOnlyBlock]


def amid(imputed: Iterable[ImputedBlock], source: Source) -> Iterator[ImputedBlock]:
    """Give each block the records up to its end, and a chromosome's last block the rest."""
    for block, following in pairwise(chain(imputed, [None])):
        assert block is not None
        chrom = block.sites.chrom
        goes_on = following is not None and following.sites.chrom == chrom
        kept = source(chrom, int(block.sites.pos[-1]) if goes_on else None)
        yield replace(block, target_only=kept) if len(kept.sites) else block


@dataclass(frozen=True)
class TargetOnlyFile:
    """The records of each chromosome in a file, kept until the others are imputed."""

    path: Path

    def write(self, found: Iterable[tuple[str, TargetOnlyBlock]]) -> None:
        """Write the records of chromosomes, complete or not at all."""
        with atomic_output(self.path) as unfinished, ParcelWriter(unfinished) as parcels:
            for chrom, block in found:
                parcels.add(chrom, block)

    def source(self) -> Source:
        """The records in their order; SpinImputeError, when they are asked for, if the file is damaged."""
        held: dict[str, TargetOnlyBlock] = {}

        def take(chrom: str, position: int | None) -> TargetOnlyBlock:
            if chrom not in held:
                with ParcelFile(self.path, _REMEDY) as file:
                    held[chrom] = file.read(chrom, TargetOnlyBlock)
            block = held[chrom]
            end = len(block.sites)
            if position is not None:
                end = int(np.searchsorted(block.sites.pos, position, "right"))
            held[chrom] = block.take(slice(end, None))
            return block.take(slice(0, end))

        return take
