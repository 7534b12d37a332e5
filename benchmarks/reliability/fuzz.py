"""Thousands of damaged inputs: each must end in an error for users or in a valid output of the right size.

python -m benchmarks.reliability.fuzz --cases 3000 [--first SEED] [--out DIR]

Cases run in a child process that is watched: one that ends it, or takes minutes, is a finding like any
exception but SpinImputeError. Findings are printed with their seeds; `--cases 1 --first SEED` repeats one.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import logging
import multiprocessing
import os
import resource
import tempfile
import time
import traceback
import warnings
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.reliability.cases import KINDS, Workbench

PATIENCE = 120.0  # seconds that a case may take on a busy machine
_MEMORY = 8 << 30  # bytes of address space


def _work(first: int, last: int, results: Connection, folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    warnings.simplefilter("ignore")
    logging.getLogger("spinimpute").setLevel(logging.ERROR)
    bench = Workbench(folder)
    for seed in range(first, last):
        results.send((seed, "", "begun"))
        faulthandler.dump_traceback_later(PATIENCE - 5, exit=False)
        try:
            kind, outcome = bench.run(seed)
        except Exception:
            kind, outcome = KINDS[seed % len(KINDS)], "bug: " + traceback.format_exc()
        faulthandler.cancel_dump_traceback_later()
        results.send((seed, kind, outcome))


def fuzz(first: int, cases: int, folder: Path) -> tuple[Counter[tuple[str, str]], list[tuple[int, str]]]:
    """Run cases; return how many of each kind ended how, and the seeds and descriptions of findings."""
    counts: Counter[tuple[str, str]] = Counter()
    findings: list[tuple[int, str]] = []
    context = multiprocessing.get_context("spawn")
    next_seed, last = first, first + cases
    while next_seed < last:
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(next_seed, last, theirs, folder), daemon=True)
        worker.start()
        theirs.close()
        seed = next_seed
        while next_seed < last:
            try:
                if not ours.poll(PATIENCE):
                    worker.kill()
                    raise TimeoutError
                seed, kind, outcome = ours.recv()
            except (EOFError, TimeoutError) as error:
                worker.join()
                kind = KINDS[seed % len(KINDS)]
                outcome = "hang" if isinstance(error, TimeoutError) else f"crash: status {worker.exitcode}"
                _report(findings, seed, f"{kind}: {outcome}")
                counts[kind, outcome.split(":")[0]] += 1
                next_seed = seed + 1
                break
            if outcome == "begun":
                continue
            counts[kind, outcome.split(":")[0]] += 1
            if outcome not in ("refused", "imputed"):
                _report(findings, seed, f"{kind}: {outcome}")
            next_seed = seed + 1
        worker.join()
    return counts, findings


def _report(findings: list[tuple[int, str]], seed: int, text: str) -> None:
    findings.append((seed, text))
    print(f"seed {seed}: {text}", flush=True)


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parsed = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="spinimpute-fuzz-") as name:
        counts, findings = fuzz(parsed.first, parsed.cases, Path(name))
    outcomes = sorted({outcome for _, outcome in counts})
    print("\t".join(["kind", *outcomes]))
    for kind in KINDS:
        print("\t".join([kind, *(str(counts[kind, outcome]) for outcome in outcomes)]))
    print(f"{sum(counts.values())} cases, {len(findings)} findings, {time.monotonic() - began:.0f} s")
    if parsed.out:
        table = {f"{kind} {outcome}": n for (kind, outcome), n in sorted(counts.items())}
        parsed.out.write_text(json.dumps({"counts": table, "findings": findings}, indent=1) + "\n")


if __name__ == "__main__":
    main()
