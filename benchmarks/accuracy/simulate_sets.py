"""Write simulated sets in the layout that run.py reads.

python -m benchmarks.accuracy.simulate_sets OUT [SET ...]

Each set is a folder with panel.bcf, truth.bcf, target.sim.vcf.gz and, but for sim_nomap, plink.map. The seeds
are far from those of training, which count from 1000 times the training seed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spinimpute.training.dataset import DatasetSpec, write_dataset
from spinimpute.training.simulation import RegionSpec

ARRAY = "sim"


@dataclass(frozen=True)
class SetSpec:
    """What to simulate, and whether the tools are given the map."""

    data: DatasetSpec
    seed: int
    with_map: bool = True


def _large(seed: int) -> SetSpec:
    region = RegionSpec("out_of_africa", people=5_100, length=1_000_000, min_maf=0.0002)
    return SetSpec(DatasetSpec(region, targets=60), seed)


SETS = {
    # With so many haplotypes little is wrong, and that in few people: one region tells little.
    "sim_large": _large(20_261_101),
    "sim_large_2": _large(20_261_105),
    "sim_large_3": _large(20_261_106),
    "sim_large_4": _large(20_261_107),
    "sim_large_5": _large(20_261_108),
    "sim_admixed": SetSpec(
        DatasetSpec(
            RegionSpec("american_admixture", people=1_000, length=1_500_000),
            targets=100,
            target_population="ADMIX",
        ),
        seed=20_261_102,
    ),
    "sim_cattle": SetSpec(
        DatasetSpec(RegionSpec("cattle", people=500, length=3_000_000), targets=100, typed_spacing=10_000),
        seed=20_261_103,
    ),
    "sim_nomap": SetSpec(
        DatasetSpec(RegionSpec("out_of_africa", people=1_000, length=1_500_000), targets=100),
        seed=20_261_104,
        with_map=False,
    ),
}


def write_set(folder: Path, spec: SetSpec) -> None:
    """Simulate a set and write it in the bench layout."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        files = write_dataset(Path(scratch), spec.data, spec.seed)
        for source, name in ((files.panel, "panel.bcf"), (files.truth, "truth.bcf")):
            subprocess.run(["bcftools", "view", "-Ob", "-o", folder / name, source], check=True)
            subprocess.run(["bcftools", "index", "-f", folder / name], check=True)
        target = folder / f"target.{ARRAY}.vcf.gz"
        subprocess.run(["bcftools", "view", "-Oz", "-o", target, files.target], check=True)
        subprocess.run(["tabix", "-f", "-p", "vcf", target], check=True)
        if spec.with_map:
            (folder / "plink.map").write_text(files.map.read_text())


def main() -> None:
    """Write the sets that are named, or all."""
    out, *names = sys.argv[1:]
    for name in names or SETS:
        write_set(Path(out, name), SETS[name])
        print(name, flush=True)


if __name__ == "__main__":
    main()
