"""Train models/spin-small as shipped: real regions, simulated ones, held-out validation regions.

usage: python benchmarks/training/spin_small.py DATA OUT [further options of `spinimpute train`]

DATA holds train/ (kgp3_*.b37.bcf, nygc_*.b38.bcf) and maps/ (chrN.BUILD*.gmap.gz), as data/README.md
describes them. The command that it runs is printed first. Children of other members are left out of the nygc
regions: only people who are in the kgp3 files too are used.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import cyvcf2

# Regions to validate on, never trained on: of each kind of data, chosen once by name.
VALIDATION = ("TYK2", "CAMK4", "chr4_164415680", "chr4_91048710", "chr4_5053260", "nygc_CACNA1S")
SIMULATED = 48
STEPS = 12_000


def main() -> None:
    """Compose the command and run it."""
    data, out, *more = sys.argv[1:]
    panels = sorted(Path(data, "train").glob("*.bcf"))
    validation = [panel for panel in panels if any(name in panel.name for name in VALIDATION)]
    training = [panel for panel in panels if panel not in validation]
    with tempfile.TemporaryDirectory() as folder:
        children = Path(folder, "children.txt")
        children.write_text("\n".join(_relatives(panels)) + "\n")
        command = [sys.executable, "-m", "spinimpute", "train", "--out", out]
        for panel in training:
            command += ["--ref", str(panel)]
        for panel in validation:
            command += ["--validation", str(panel)]
        for panel in training + validation:
            command += ["--map", str(_map(Path(data, "maps"), panel))]
        command += ["--excludesamples", str(children), "--simulate", str(SIMULATED), *more]
        if "--steps" not in more:
            command += ["--steps", str(STEPS)]
        print(shlex.join(command), flush=True)
        sys.exit(subprocess.run(command, check=False).returncode)


def _relatives(panels: list[Path]) -> list[str]:
    """Return the people of the nygc files who are not in the kgp3 files."""
    founders = set(_samples(next(panel for panel in panels if panel.name.startswith("kgp3_"))))
    everybody = _samples(next(panel for panel in panels if panel.name.startswith("nygc_")))
    return [name for name in everybody if name not in founders]


def _samples(panel: Path) -> list[str]:
    vcf = cyvcf2.VCF(str(panel))
    names = list(vcf.samples)
    vcf.close()
    return names


def _map(folder: Path, panel: Path) -> Path:
    build = panel.name.split(".")[-2]
    chrom = next(iter(cyvcf2.VCF(str(panel)))).CHROM.removeprefix("chr")
    return next(folder.glob(f"chr{chrom}.{build}*.gmap.gz"))


if __name__ == "__main__":
    main()
