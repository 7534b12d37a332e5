"""The first run, which compiles, and later ones, which load what was compiled, write the same bytes.

Sums whose terms may be put in another order come out differently where a function is compiled twice: once by
itself and once as a part of its caller. So such functions are parts of their callers alone.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_first_and_second_run(tmp_path: Path) -> None:
    target = tmp_path / "target.vcf"
    target.write_text(gzip.decompress((EXAMPLES / "target.vcf.gz").read_bytes()).decode().replace("|", "/"))
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    bodies = []
    for name in ("first.vcf.gz", "second.vcf.gz"):
        words = ["--ref", EXAMPLES / "panel.vcf.gz", "--gt", target, "--map", EXAMPLES / "plink.map"]
        words += ["--chrom", "1", "--ap", "--no-version", "--quiet", "--out", tmp_path / name]
        command = [sys.executable, "-m", "spinimpute", "impute", *map(str, words)]
        subprocess.run(command, check=True, env=environment)
        bodies.append(gzip.decompress((tmp_path / name).read_bytes()))
    assert bodies[0] == bodies[1]
