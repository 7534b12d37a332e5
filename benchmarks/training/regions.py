"""The regions that the shipped models are trained on, and those that they are chosen by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cyvcf2

# Regions to validate on, never trained on: of each kind of data, chosen once by name.
VALIDATION = ("TYK2", "CAMK4", "chr4_164415680", "chr4_91048710", "chr4_5053260", "nygc_CACNA1S")
SIMULATED = 48


@dataclass(frozen=True)
class Regions:
    """Panels to train and to validate on, and a genetic map for each, those to validate on last."""

    training: list[Path]
    validation: list[Path]
    maps: list[Path]


def find_regions(data: Path) -> Regions:
    """Find them in DATA, which holds train/ (kgp3_*.b37.bcf, nygc_*.b38.bcf) and maps/ (chrN.BUILD*.gmap.gz),
    as data/README.md describes them.
    """
    panels = sorted(Path(data, "train").glob("*.bcf"))
    validation = [panel for panel in panels if any(name in panel.name for name in VALIDATION)]
    training = [panel for panel in panels if panel not in validation]
    return Regions(training, validation, [_map(data / "maps", panel) for panel in training + validation])


def write_relatives(regions: Regions, path: Path) -> Path:
    """List the people of the nygc files who are not in the kgp3 files: children of others."""
    panels = sorted(regions.training + regions.validation)
    founders = set(_samples(next(panel for panel in panels if panel.name.startswith("kgp3_"))))
    everybody = _samples(next(panel for panel in panels if panel.name.startswith("nygc_")))
    path.write_text("\n".join(name for name in everybody if name not in founders) + "\n")
    return path


def _samples(panel: Path) -> list[str]:
    vcf = cyvcf2.VCF(str(panel))
    names = list(vcf.samples)
    vcf.close()
    return names


def _map(folder: Path, panel: Path) -> Path:
    build = panel.name.split(".")[-2]
    chrom = next(iter(cyvcf2.VCF(str(panel)))).CHROM.removeprefix("chr")
    return next(folder.glob(f"chr{chrom}.{build}*.gmap.gz"))
