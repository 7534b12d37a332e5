"""Simulated regions to train on and for examples: msprime coalescents over recombination hotspots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.training.demographies import History, history

if TYPE_CHECKING:
    import msprime
    import tskit

BLOCK = 25_000  # bp over which the background recombination rate is constant
HOTSPOT_SPACING = 60_000  # mean bp between hotspots
HOTSPOT_WIDTH = (1_000, 2_000)  # bp


@dataclass(frozen=True)
class RegionSpec:
    """What to simulate; a rate left at None takes the value typical of the model's species."""

    model: str = "out_of_africa"
    people: int = 1000
    length: int = 1_000_000  # bp
    cm_per_mb: float | None = None
    mutation_rate: float | None = None  # per base and generation
    min_maf: float = 0.0

    def __post_init__(self) -> None:
        if self.people < 1 or self.length < 1_000:
            found = f"{self.people} people, {self.length} bp"
            raise SpinImputeError("a region needs at least 1 person and 1000 bp", found=found)
        if not 0 <= self.min_maf < 0.5:
            raise SpinImputeError("min_maf must be at least 0 and below 0.5", found=str(self.min_maf))


@dataclass(frozen=True)
class SimulatedRegion:
    """Phased haplotypes of a region; allele 1 is ALT, and neither allele is always the ancestral one.

    pos: (V,) 1-based bp, increasing; cm: (V,) cM from the region's start; alleles: (V, N), haplotypes 2i and
    2i + 1 are person i's; population: (N/2,) one label per person.
    """

    pos: NDArray[np.int64]
    cm: NDArray[np.float64]
    alleles: NDArray[np.uint8]
    population: tuple[str, ...]


def simulate_region(spec: RegionSpec, seed: int) -> SimulatedRegion:
    """One region, the same for the same seed; SpinImputeError for an unknown model or a missing simulator."""
    import_msprime()
    past = history(spec.model)
    rng = np.random.default_rng(seed)
    genetic_map = recombination_map(
        spec.length, past.cm_per_mb if spec.cm_per_mb is None else spec.cm_per_mb, past.hotspot_share, rng
    )
    trees = biallelic(simulate_trees(spec, past, genetic_map, rng))
    site_pos = trees.sites_position.astype(np.int64)
    alleles = _inbreed(_alleles(trees), past.selfing, rng)
    alleles = _draw_reference(alleles, rng)
    kept = _polymorphic(alleles, spec.min_maf)
    people = [trees.individual(i) for i in range(trees.num_individuals)]
    return SimulatedRegion(
        pos=site_pos[kept] + 1,
        cm=100 * np.asarray(genetic_map.get_cumulative_mass(site_pos[kept].astype(float))),
        alleles=alleles[kept],
        population=tuple(trees.population(person.population).metadata["name"] for person in people),
    )


def recombination_map(
    length: int, cm_per_mb: float, hotspot_share: float, rng: np.random.Generator
) -> msprime.RateMap:
    """A lognormal background, and hotspots that carry `hotspot_share` of the map; mean `cm_per_mb`."""
    msprime = import_msprime()
    starts = rng.integers(0, length, size=round(length / HOTSPOT_SPACING))
    ends = np.minimum(starts + rng.integers(*HOTSPOT_WIDTH, size=len(starts)), length)
    edges = np.unique(np.concatenate([np.arange(0, length, BLOCK), starts, ends, [length]]))
    width = np.diff(edges)
    background = rng.lognormal(0.0, 0.8, size=length // BLOCK + 1)[edges[:-1] // BLOCK]
    rate = (1 - hotspot_share) * background / (background * width).sum()
    if len(starts):
        strength = rng.gamma(0.6, 1.0, size=len(starts)) + 1e-3
        covers = (starts <= edges[:-1, None]) & (edges[:-1, None] < ends)
        hot = covers @ strength
        rate += hotspot_share * hot / (hot * width).sum()
    morgans = cm_per_mb * length / 1e8
    return msprime.RateMap(position=edges, rate=morgans * rate / (rate * width).sum())


def import_msprime() -> msprime:
    """The simulator, an optional dependency; SpinImputeError if it is not installed."""
    try:
        import msprime
    except ImportError as error:
        raise SpinImputeError(
            "simulation needs msprime", found="not installed", remedy="pip install 'spinimpute[simulate]'"
        ) from error
    return msprime


def simulate_trees(
    spec: RegionSpec, past: History, genetic_map: msprime.RateMap, rng: np.random.Generator
) -> tskit.TreeSequence:
    """The genealogy and mutations of spec.people people, as many from each population."""
    import msprime

    shares = np.full(len(past.populations), spec.people // len(past.populations))
    shares[: spec.people % len(past.populations)] += 1
    # Of a selfing plant's recombinations only those in heterozygotes leave a trace.
    effective = msprime.RateMap(position=genetic_map.position, rate=genetic_map.rate * (1 - past.selfing))
    trees = msprime.sim_ancestry(
        samples={name: int(n) for name, n in zip(past.populations, shares, strict=True)},
        demography=past.demography,
        recombination_rate=effective,
        random_seed=int(rng.integers(1, 2**31)),
    )
    rate = past.mutation_rate if spec.mutation_rate is None else spec.mutation_rate
    return msprime.sim_mutations(trees, rate=rate, random_seed=int(rng.integers(1, 2**31)))


def biallelic(trees: tskit.TreeSequence) -> tskit.TreeSequence:
    """The same trees with no sites but those that mutated once."""
    tables = trees.dump_tables()
    mutations = np.bincount(tables.mutations.site, minlength=trees.num_sites)
    tables.delete_sites(np.flatnonzero(mutations != 1))
    return tables.tree_sequence()


def _alleles(trees: tskit.TreeSequence) -> NDArray[np.uint8]:
    """All alleles, (V, N)."""
    alleles = np.empty((trees.num_sites, trees.num_samples), np.uint8)
    for variant in trees.variants(copy=False):
        alleles[variant.site.id] = variant.genotypes
    return alleles


def _inbreed(alleles: NDArray[np.uint8], selfing: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Make each person homozygous all along with chance `selfing`; alleles: (V, N)."""
    same = np.flatnonzero(rng.random(alleles.shape[1] // 2) < selfing)
    alleles[:, 2 * same + 1] = alleles[:, 2 * same]
    return alleles


def _draw_reference(alleles: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Call REF the allele of a random haplotype, as a real reference genome does; alleles: (V, N)."""
    swapped = rng.random(len(alleles)) < alleles.mean(axis=1)
    alleles[swapped] ^= 1
    return alleles


def _polymorphic(alleles: NDArray[np.uint8], min_maf: float) -> NDArray[np.bool_]:
    frequency = alleles.mean(axis=1)
    maf = np.minimum(frequency, 1 - frequency)
    return np.asarray((maf > 0) & (maf >= min_maf), dtype=np.bool_)
