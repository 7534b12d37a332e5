"""Write simulated sets with a cohort that is large beside the panel, in the layout that run.py reads.

python -m benchmarks.phasing.simulate_sets OUT [SET ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.accuracy.simulate_sets import SetSpec, write_set
from spinimpute.training.dataset import DatasetSpec
from spinimpute.training.simulation import RegionSpec


def _spec(panel_people: int, targets: int, seed: int) -> SetSpec:
    region = RegionSpec("out_of_africa", people=panel_people, length=5_000_000)
    return SetSpec(DatasetSpec(region, targets=targets), seed)


SETS = {
    "panel200_cohort1000": _spec(100, 1_000, 20_261_111),
    "panel1000_cohort1000": _spec(500, 1_000, 20_261_112),
    "panel4000_cohort1000": _spec(2_000, 1_000, 20_261_113),
}


def main() -> None:
    """Write the sets that are named, or all."""
    out, *names = sys.argv[1:]
    for name in names or SETS:
        write_set(Path(out, name), SETS[name])
        print(name, flush=True)


if __name__ == "__main__":
    main()
