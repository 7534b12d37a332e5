"""What an imputation reads beside panel and target: region, genetic map, lists of names."""

from __future__ import annotations

from dataclasses import dataclass

from spinimpute.alleles import Fate
from spinimpute.config import FIXES, InputConfig
from spinimpute.io.genetic_map import GeneticMap
from spinimpute.io.names import read_names
from spinimpute.io.region import Region


@dataclass(frozen=True)
class SideInputs:
    """The region (None: all), the map, samples and markers to leave out, and the fates to mend."""

    region: Region | None
    genetic_map: GeneticMap
    excluded: frozenset[str]
    markers: frozenset[str]
    fixes: list[Fate]

    @staticmethod
    def read(config: InputConfig) -> SideInputs:
        """Read those that config names; SpinImputeError if one is malformed."""
        return SideInputs(
            region=Region.parse(config.chrom) if config.chrom else None,
            genetic_map=GeneticMap.read(config.map) if config.map else GeneticMap.constant(),
            excluded=read_names(config.exclude_samples, "excluded samples"),
            markers=read_names(config.exclude_markers, "excluded markers"),
            fixes=[FIXES[word] for word in config.fix],
        )
