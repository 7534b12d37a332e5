"""Population histories to simulate from: several human ones and three other ways of living.

Times are in generations, sizes in diploid people or animals. The human figures follow Gutenkunst et al. 2009
and Browning et al. 2018, the cattle MacLeod et al. 2013; the others are made up to be typical of their kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spinimpute.errors import SpinImputeError

if TYPE_CHECKING:
    import msprime

STDPOPSIM = "stdpopsim:"
HUMAN_MUTATION_RATE = 2.35e-8  # what the sizes and times below were inferred with


@dataclass(frozen=True)
class History:
    """One species or population: its demography and how its genome mutates and recombines."""

    demography: msprime.Demography
    populations: tuple[str, ...]  # sampled today, in equal parts
    mutation_rate: float  # per base and generation
    cm_per_mb: float  # mean of the genetic map
    hotspot_share: float  # of all recombination
    selfing: float = (
        0.0  # inbreeding coefficient; the effective recombination rate is (1 - selfing) times the map's
    )


def history(model: str) -> History:
    """The history called `model` or "stdpopsim:SPECIES/MODEL"; SpinImputeError for an unknown one."""
    if model.startswith(STDPOPSIM):
        return _from_stdpopsim(model.removeprefix(STDPOPSIM))
    if model not in HISTORIES:
        raise SpinImputeError(
            "unknown demographic model",
            found=model,
            remedy=f"known: {', '.join(HISTORIES)}, {STDPOPSIM}SPECIES/MODEL",
        )
    return HISTORIES[model]()


def _out_of_africa_demography() -> msprime.Demography:
    import msprime

    demography = msprime.Demography()
    demography.add_population(name="AFR", initial_size=12_300)
    demography.add_population(name="EUR", initial_size=29_725, growth_rate=0.004)
    demography.add_population(name="EAS", initial_size=54_090, growth_rate=0.0055)
    demography.add_population(name="OOA", initial_size=2_100)
    demography.add_population(name="AMH", initial_size=12_300)
    demography.add_population(name="ANC", initial_size=7_300)
    demography.set_symmetric_migration_rate(["AFR", "EUR"], 3e-5)
    demography.set_symmetric_migration_rate(["AFR", "EAS"], 1.9e-5)
    demography.set_symmetric_migration_rate(["EUR", "EAS"], 9.6e-5)
    demography.add_population_split(time=848, derived=["EUR", "EAS"], ancestral="OOA")
    demography.add_symmetric_migration_rate_change(time=848, populations=["AFR", "OOA"], rate=25e-5)
    demography.add_population_split(time=5_600, derived=["OOA", "AFR"], ancestral="AMH")
    demography.add_population_split(time=8_800, derived=["AMH"], ancestral="ANC")
    return demography


def _out_of_africa() -> History:
    return History(_out_of_africa_demography(), ("AFR", "EUR", "EAS"), HUMAN_MUTATION_RATE, 1.2, 0.7)


def _american_admixture() -> History:
    demography = _out_of_africa_demography()
    demography.add_population(name="ADMIX", initial_size=30_000, growth_rate=0.05)
    demography.add_admixture(
        time=12, derived="ADMIX", ancestral=["AFR", "EUR", "EAS"], proportions=[1 / 6, 1 / 3, 1 / 2]
    )
    demography.sort_events()
    return History(demography, ("ADMIX", "AFR", "EUR", "EAS"), HUMAN_MUTATION_RATE, 1.2, 0.7)


def _human_bottleneck() -> History:
    """A founder population: out of Africa, then 400 founders 100 generations ago, then fast growth."""
    sizes = [(0, 80_000, 0.05), (60, 4_000, 0.0), (90, 400, 0.0), (110, 6_000, 0.0), (920, 5_000, 0.0)]
    ancient = [(5_600, 12_300, 0.0), (8_800, 7_300, 0.0)]
    return History(_single("FOUNDER", sizes + ancient), ("FOUNDER",), HUMAN_MUTATION_RATE, 1.2, 0.7)


def _cattle() -> History:
    """A dairy breed: an effective size that fell from 62,000 to 90."""
    times = [0, 3, 6, 12, 18, 24, 154, 454, 654, 1_754, 2_354, 3_354, 33_154]
    sizes = [90, 120, 250, 350, 1_000, 1_500, 2_000, 2_500, 3_500, 7_000, 10_000, 17_000, 62_000]
    demography = _single("BREED", [(time, size, 0.0) for time, size in zip(times, sizes, strict=True)])
    return History(demography, ("BREED",), 1.2e-8, 1.0, 0.6)


def _dog() -> History:
    """Two breeds made from village dogs 80 generations ago, and the village dogs."""
    import msprime

    demography = msprime.Demography()
    demography.add_population(name="VILLAGE", initial_size=6_000)
    for breed, size in (("BREED1", 60), ("BREED2", 150)):
        demography.add_population(name=breed, initial_size=size)
        demography.add_population_split(time=80, derived=[breed], ancestral="VILLAGE")
    demography.add_population_parameters_change(time=4_000, initial_size=1_200, population="VILLAGE")
    demography.add_population_parameters_change(time=5_000, initial_size=20_000, population="VILLAGE")
    return History(demography, ("VILLAGE", "BREED1", "BREED2"), 4.5e-9, 1.0, 0.4)


def _selfing_plant() -> History:
    """Inbred lines of two groups of a selfing crop: few recombinations count, haplotypes come in pairs."""
    import msprime

    demography = msprime.Demography()
    demography.add_population(name="LANDRACE", initial_size=8_000)
    demography.add_population(name="ELITE", initial_size=600)
    demography.add_population_split(time=120, derived=["ELITE"], ancestral="LANDRACE")
    demography.add_population_parameters_change(time=3_000, initial_size=30_000, population="LANDRACE")
    return History(demography, ("LANDRACE", "ELITE"), 7e-9, 4.0, 0.3, selfing=0.95)


def _single(name: str, epochs: Sequence[tuple[float, float, float]]) -> msprime.Demography:
    """One population through (time, size at that time, growth rate) epochs, from now into the past."""
    import msprime

    demography = msprime.Demography()
    _, size, growth = epochs[0]
    demography.add_population(name=name, initial_size=size, growth_rate=growth)
    for time, size, growth in epochs[1:]:
        demography.add_population_parameters_change(
            time=time, initial_size=size, growth_rate=growth, population=name
        )
    return demography


def _from_stdpopsim(name: str) -> History:
    try:
        import stdpopsim
    except ImportError as error:
        raise SpinImputeError(
            f"the model {name} needs stdpopsim",
            found="not installed",
            remedy="pip install 'spinimpute[simulate]'",
        ) from error
    species_name, _, model_name = name.partition("/")
    try:
        species = stdpopsim.get_species(species_name)
        model = species.get_demographic_model(model_name)
    except ValueError as error:
        raise SpinImputeError("stdpopsim does not know this model", found=name, remedy=str(error)) from error
    sampled = tuple(
        population.name for population in model.populations if population.default_sampling_time == 0
    )
    return History(
        demography=model.model,
        populations=sampled,
        mutation_rate=model.mutation_rate or species.genome.mean_mutation_rate,
        cm_per_mb=100e6 * species.genome.mean_recombination_rate,
        hotspot_share=0.6,
    )


HISTORIES: dict[str, Callable[[], History]] = {
    "out_of_africa": _out_of_africa,
    "american_admixture": _american_admixture,
    "human_bottleneck": _human_bottleneck,
    "cattle": _cattle,
    "dog": _dog,
    "selfing_plant": _selfing_plant,
}
