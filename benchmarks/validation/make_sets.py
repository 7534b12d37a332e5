"""Cut bench-like sets from the validation regions, to choose models by: never the bench sets themselves.

usage: python benchmarks/validation/make_sets.py DATA OUT

DATA as for benchmarks/training/regions.py. Every set gets panel.bcf, truth.bcf, plink.map and
target.dense.vcf.gz, target.sparse.vcf.gz and target.low.vcf.gz, so that python -m benchmarks.accuracy.run
--data OUT runs on it. A tenth of the people are targets; the arrays are drawn among SNPs with a panel MAF
above 5 %, one per 1.5, 5 or 15 kb.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import cyvcf2
import numpy as np
from numpy.typing import NDArray

REGIONS = ("kgp3_TYK2", "kgp3_CAMK4", "kgp3_chr4_164415680", "kgp3_chr4_91048710", "kgp3_chr4_5053260")
SPACING = {"dense": 1500, "sparse": 5000, "low": 15_000}  # bp per typed SNP
SEED = 7


def main() -> None:
    """Make every set."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    for region in REGIONS:
        make_set(data, region, out / region)


def make_set(data: Path, region: str, folder: Path) -> None:
    """Part people into panel and targets, and type the targets on two arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    whole = data / "train" / f"{region}.b37.bcf"
    vcf = cyvcf2.VCF(str(whole))
    people = rng.permutation(vcf.samples)
    targets, panel = people[: len(people) // 10], people[len(people) // 10 :]
    vcf.close()
    _subset(whole, panel, folder / "panel.bcf", "-Ob", "--min-ac", "1:minor")
    _subset(folder / "panel.bcf", None, folder / "sites.vcf.gz", "-Oz", "-G")
    subprocess.run(["tabix", "-f", folder / "sites.vcf.gz"], check=True)
    _subset(whole, targets, folder / "truth.bcf", "-Ob", "-T", str(folder / "sites.vcf.gz"))
    chrom, pos, maf = _sites(folder / "panel.bcf")
    _write_map(data / "maps" / f"chr{chrom}.b37.regions.gmap.gz", chrom, folder / "plink.map")
    for array, spacing in SPACING.items():
        wanted = int((pos[-1] - pos[0]) / spacing)
        chosen = np.sort(rng.choice(pos[maf > 0.05], wanted, replace=False))
        listed = folder / f"{array}.txt"
        listed.write_text("".join(f"{chrom}\t{position}\n" for position in chosen))
        target = folder / f"target.{array}.vcf.gz"
        _subset(folder / "truth.bcf", None, target, "-Oz", "-T", str(listed))
        subprocess.run(["tabix", "-f", target], check=True)


def _subset(source: Path, samples: NDArray[np.str_] | None, out: Path, *options: str) -> None:
    chosen = ["-s", ",".join(samples)] if samples is not None else []
    command = ["bcftools", "view", "-m2", "-M2", *chosen, *options, "-o", str(out), str(source)]
    subprocess.run(command, check=True)


def _sites(panel: Path) -> tuple[str, NDArray[np.int64], NDArray[np.float64]]:
    pos, maf, chrom = [], [], ""
    for record in cyvcf2.VCF(str(panel)):
        if record.is_snp:
            pos.append(record.POS)
            maf.append(min(record.aaf, 1 - record.aaf))
            chrom = record.CHROM
    return chrom, np.array(pos), np.array(maf)


def _write_map(source: Path, chrom: str, out: Path) -> None:
    with gzip.open(source, "rt") as lines, out.open("w") as plink:
        for line in lines:
            pos, _, cm = line.split()
            if pos.isdigit():
                plink.write(f"{chrom} . {cm} {pos}\n")


if __name__ == "__main__":
    main()
