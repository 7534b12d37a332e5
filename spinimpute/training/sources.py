"""Sources of haplotypes to train on: stretches of reference panels, read from VCF, and simulated regions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinimpute.config import TrainConfig
from spinimpute.errors import SpinImputeError
from spinimpute.io.genetic_map import GeneticMap
from spinimpute.io.inputs import read_panel
from spinimpute.io.names import read_names
from spinimpute.io.records import RecordBlock
from spinimpute.training.simulation import RegionSpec, simulate_region

# A stretch of a panel that is one source: long enough for several flanks, short enough to hold as bytes.
MAX_SPAN_BP = 3_000_000
MIN_VARIANTS = 200
# Sources shorter than this are drawn in proportion to their length, longer ones alike.
FULL_WEIGHT_BP = 500_000
# Simulated regions are as long as this, and shorter with more people than that, so that memory stays bounded.
SIMULATED_BP = 2_000_000
SIMULATED_PEOPLE = (300, 10_000)
LARGE_PEOPLE = 3_000
_MODELS = (
    *("out_of_africa", "american_admixture", "out_of_africa", "human_bottleneck", "out_of_africa"),
    *("cattle", "american_admixture", "dog", "out_of_africa", "selfing_plant"),
)


@dataclass(frozen=True)
class Source:
    """Phased biallelic haplotypes of one stretch: pos (V,) bp, cm (V,), alleles (V, N) uint8, two columns a
    person.
    """

    name: str
    pos: NDArray[np.int64]
    cm: NDArray[np.float64]
    alleles: NDArray[np.uint8]

    def stretch(self, start: int, stop: int, suffix: str) -> Source:
        """Return the variants start to stop as a source of their own."""
        part = slice(start, stop)
        return Source(f"{self.name}{suffix}", self.pos[part], self.cm[part], self.alleles[part])


def _biallelic(block: RecordBlock) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    keep = np.array([len(alts) == 1 for alts in block.sites.alts], bool)
    alleles = block.alleles[keep].astype(np.uint8)
    count = alleles.sum(axis=1, dtype=np.int64)
    varies = (count > 0) & (count < alleles.shape[1])
    return block.sites.pos[keep][varies], alleles[varies]


def read_sources(ref: Path, genetic_map: GeneticMap, excluded: Collection[str] = ()) -> list[Source]:
    """Read a phased panel as sources of at most 3 Mb; stretches with fewer than 200 variable variants are
    left out, and so are those with haploid samples.

    Raises SpinImputeError if no stretch is left, or for a panel that `read_panel` refuses.
    """
    sources: list[Source] = []
    pending: list[tuple[NDArray[np.int64], NDArray[np.uint8]]] = []
    chrom, start = "", 0

    def finish() -> None:
        if not pending:
            return
        pos = np.concatenate([p for p, _ in pending])
        if len(pos) >= MIN_VARIANTS:
            alleles = np.concatenate([a for _, a in pending])
            name = f"{ref.name}:{chrom}:{pos[0]}-{pos[-1]}"
            sources.append(Source(name, pos, genetic_map.cm(chrom, pos), alleles))
        pending.clear()

    for block in read_panel(ref, exclude_samples=excluded):
        if block.haploid is not None:
            # Pseudo-targets are people with two haplotypes.
            finish()
            chrom = ""
            continue
        if block.sites.chrom != chrom or int(block.sites.pos[0]) - start > MAX_SPAN_BP:
            finish()
            chrom, start = block.sites.chrom, int(block.sites.pos[0])
        pending.append(_biallelic(block))
    finish()
    if not sources:
        raise SpinImputeError(
            f"a training panel needs a stretch with at least {MIN_VARIANTS} variable biallelic records",
            where=str(ref),
            remedy="train on a larger region",
        )
    return sources


def hold_out(sources: list[Source], fraction: float = 0.1) -> tuple[list[Source], list[Source]]:
    """Split sources into training and validation by region: the last stretches, or the end of an only one."""
    if len(sources) == 1:
        cut = int(len(sources[0].pos) * (1 - 2 * fraction))
        end = len(sources[0].pos)
        return [sources[0].stretch(0, cut, "/train")], [sources[0].stretch(cut, end, "/validation")]
    n_held = max(1, round(fraction * len(sources)))
    return sources[:-n_held], sources[-n_held:]


def gather_sources(config: TrainConfig) -> tuple[list[Source], list[Source]]:
    """Return training and validation sources: the panels, simulated regions, and what is held out of them.

    Without validation panels the last tenth of each panel's stretches is held out, or else of the simulated
    regions.
    """
    training: list[Source] = []
    validation: list[Source] = []
    excluded = read_names(config.exclude_samples, "excluded samples")
    maps = _maps(config.maps, len(config.refs) + len(config.validation))
    for ref, genetic_map in zip(config.refs, maps, strict=False):
        sources = read_sources(ref, genetic_map, excluded)
        kept, held = (sources, []) if config.validation else hold_out(sources)
        training += kept
        validation += held
    for ref, genetic_map in zip(config.validation, maps[len(config.refs) :], strict=True):
        validation += read_sources(ref, genetic_map, excluded)
    simulated = [simulate_source(config.seed, index) for index in range(config.simulate)]
    if not validation:
        simulated, validation = hold_out(simulated)
    return training + simulated, validation


def simulate_source(seed: int, index: int) -> Source:
    """Simulate the index-th region of a training run: species in turn, 300 to 10,000 people; without
    variants that fewer than 3 haplotypes carry where they are many.
    """
    rng = np.random.default_rng([seed, 3, index])
    people = int(np.exp(rng.uniform(*np.log(SIMULATED_PEOPLE))))
    model = _MODELS[index % len(_MODELS)]
    large = people > LARGE_PEOPLE
    region = simulate_region(
        RegionSpec(
            model,
            people=people,
            length=int(SIMULATED_BP * LARGE_PEOPLE / people) if large else SIMULATED_BP,
            min_maf=1.25 / people if large else 0.0,
        ),
        seed=seed * 1000 + index + 1,
    )
    return Source(f"{model}-{index}", region.pos, region.cm, region.alleles)


def source_weights(sources: Sequence[Source]) -> NDArray[np.float64]:
    """Return how often each source is drawn, relative to the others."""
    return np.array([min(1.0, (s.pos[-1] - s.pos[0]) / FULL_WEIGHT_BP) for s in sources])


def _maps(maps: Sequence[Path], n_refs: int) -> list[GeneticMap]:
    """Return a genetic map for each panel, from none, one, or one each."""
    if not maps:
        return [GeneticMap.constant()] * n_refs
    read = [GeneticMap.read(path) for path in maps]
    return read if len(read) == n_refs else read * n_refs
