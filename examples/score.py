"""Print the aggregated dosage r2 of an imputed file at untyped sites, overall and by panel MAF."""

from __future__ import annotations

import argparse
from pathlib import Path

from spinimpute.evaluate import MAF_EDGES, read_truth, score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("truth", "panel", "target", "imputed"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    files = parser.parse_args()
    accuracy = score(read_truth(files.truth, files.panel, files.target), files.imputed)
    print("panel MAF       sites  dosage r2")
    for low, high, sites, r2 in zip(
        MAF_EDGES[:-1], MAF_EDGES[1:], accuracy.sites, accuracy.by_maf, strict=True
    ):
        print(f"{low:5.1%} - {high:5.1%} {sites:7d}  {r2:9.4f}")
    print(f"all           {sum(accuracy.sites):7d}  {accuracy.overall:9.4f}")


if __name__ == "__main__":
    main()
