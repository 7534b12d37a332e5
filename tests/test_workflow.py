"""The Snakemake workflow gives the file of the single-machine run, byte by byte."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _run(*words: object) -> None:
    """Run a command of this Python's environment, with this checkout's spinimpute."""
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {**os.environ, "PATH": os.pathsep.join(paths), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(list(map(str, words)), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_workflow_equals_the_single_machine_run(tmp_path: Path) -> None:
    pytest.importorskip("snakemake")
    pytest.importorskip("msprime")
    data, out = tmp_path / "data", tmp_path / "out put"
    _run(
        "spinimpute", "simulate", "--out", data, "--people", 40, "--targets", 5, "--chromosomes", 2,
        "--length", 0.5, "--seed", 3,
    )  # fmt: skip
    panel, target, plink = data / "panel.vcf.gz", data / "target.vcf.gz", data / "plink.map"
    options = "--window 0.3 --ap --no-version --keep-target-only"
    whole = tmp_path / "whole.vcf.gz"
    _run(
        "spinimpute",
        "impute",
        "--ref",
        panel,
        "--gt",
        target,
        "--map",
        plink,
        "--out",
        whole,
        *options.split(),
    )
    _run(
        sys.executable, "-m", "snakemake", "--snakefile", ROOT / "workflow" / "Snakefile", "--cores", 2,
        "--directory", tmp_path, "--config", f"ref={panel}", f"gt={target}", f"map={plink}", f"out={out}",
        f"truth={data / 'truth.vcf.gz'}",
        f"options={options}", "part_windows=2", "part_samples=3", "part_threads=1",
    )  # fmt: skip
    assert len(list(tmp_path.glob("out put.work/*.spart"))) >= 4
    assert Path(f"{out}.report.html").exists()
    assert Path(f"{out}.accuracy.html").exists()
    for suffix in ("vcf.gz", "vcf.gz.tbi", "variants.tsv.gz"):
        assert Path(f"{out}.{suffix}").read_bytes() == (tmp_path / f"whole.{suffix}").read_bytes()
