"""The rows of the table that impute a whole set at once, with the whole panel and nothing trained for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.scores import Key
from benchmarks.accuracy.tools import Command, run
from benchmarks.table3.windows import Window

MODEL = "spin-small"


def impute_beagle(folder: Path, array: str, work: Path) -> Path:
    """Impute a bench set with Beagle; where its output is."""
    panel = work / f"{folder.name}.panel.vcf.gz"
    subprocess.run(["bcftools", "view", "-Oz", "-o", panel, folder / "panel.bcf"], check=True)
    prefix = work / f"{folder.name}.beagle"
    command: Command = ["beagle", f"ref={panel}", f"gt={folder}/target.{array}.vcf.gz", f"out={prefix}"]
    run([*command, f"map={folder}/plink.map", "ap=true", "nthreads=1"], Path(f"{prefix}.log.txt"))
    panel.unlink()
    return Path(f"{prefix}.vcf.gz")


def impute_universal(folder: Path, array: str, work: Path) -> Path:
    """Impute a bench set with spinimpute's own network, which is trained on none of it."""
    imputed = work / f"{folder.name}.universal.vcf.gz"
    command: Command = [sys.executable, "-m", "spinimpute", "impute", "--ref", folder / "panel.bcf"]
    command += ["--gt", folder / f"target.{array}.vcf.gz", "--map", folder / "plink.map", "--out", imputed]
    command += ["--model", MODEL, "--ap", "--nthreads", "1", "--device", "cpu"]
    run(command, imputed.with_suffix(".log.txt"))
    return imputed


TOOLS: dict[str, Callable[[Path, str, Path], Path]] = {
    "beagle": impute_beagle,
    "universal": impute_universal,
}


def read_doses(imputed: Path, windows: list[Window]) -> list[NDArray[np.float32]]:
    """The haplotypes' doses (T, V) at the sites of each window; KeyError if the file lacks a site."""
    import cyvcf2

    wanted = {key for window in windows for key in window.keys}
    doses: dict[Key, NDArray[np.float32]] = {}
    for record in cyvcf2.VCF(str(imputed)):
        key = (record.CHROM, record.POS, record.REF, record.ALT[0])
        if key in wanted:
            doses[key] = _haplotype_doses(record)
    return [np.stack([doses[key] for key in window.keys], axis=1) for window in windows]


def _haplotype_doses(record: Any) -> NDArray[np.float32]:
    pair = [record.format(field)[:, 0] for field in ("AP1", "AP2")]
    return np.stack(pair, axis=1).astype(np.float32).ravel()
