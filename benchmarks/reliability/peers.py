"""The faults of bad_inputs.py shown to spinimpute, Beagle 5.4 and Minimac4, side by side.

python -m benchmarks.reliability.peers [--limit 30] [--out table.md]

For each tool and fault: the exit status, or "hangs" if neither the time limit nor four times as long in a
second run was enough; how many records came out; and what was left under the output's name after an error.
Beagle and Minimac4 are Debian's packages. For Minimac4, as it asks, the target is indexed by bcftools and the
panel converted; it reads no PLINK maps.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability.bad_inputs import FAULTS
from benchmarks.reliability.spoiling import Fault, Files

Commands = list[list[str]]
TRACES = ("Exception", "Traceback", "\tat ", "terminate called", "Segmentation", "Assertion", "Aborted")


@dataclass(frozen=True)
class Verdict:
    """What a tool did with a fault: text for the table, and whether records were lost without an error."""

    text: str
    hung: bool = False
    accepted: bool = False
    left: bool = False


def _spinimpute(files: Files, out: Path) -> Commands:
    words = [sys.executable, "-m", "spinimpute", "impute", f"ref={files.panel}", f"gt={files.target}"]
    words += [f"map={files.map}"] if files.map else []
    return [[*words, f"out={out}", "nthreads=1", "--quiet"]]


def _beagle(files: Files, out: Path) -> Commands:
    words = ["beagle", f"ref={files.panel}", f"gt={files.target}", f"out={out}", "nthreads=1"]
    return [[*words, f"map={files.map}"] if files.map else words]


def _minimac4(files: Files, out: Path) -> Commands:
    panel = str(out.with_name("panel.msav"))
    words = ["minimac4", panel, str(files.target), "-o", f"{out}.vcf.gz", "--min-ratio", "1e-9"]
    index = ["bcftools", "index", "-f", str(files.target)]
    return [["minimac4", "--compress-reference", str(files.panel), "-o", panel], index, words]


TOOLS: dict[str, Callable[[Files, Path], Commands]] = {
    "spinimpute": _spinimpute,
    "Beagle 5.4": _beagle,
    "Minimac4": _minimac4,
}


def judge(tool: str, fault: Fault, limit: float) -> Verdict:
    """Run a tool on a fault; one that seems to hang, which may be the machine's doing, gets a longer run."""
    verdict = _run(tool, fault, limit)
    return _run(tool, fault, 4 * limit) if verdict.hung else verdict


def _run(tool: str, fault: Fault, limit: float) -> Verdict:
    """Run a tool on a fault, made anew in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="spinimpute-peers-") as name:
        folder = Path(name)
        files, out = fault.make(folder), folder / "out"
        if files.map and tool == "Minimac4":
            return Verdict("-")
        for command in TOOLS[tool](files, out):
            try:
                done = subprocess.run(command, capture_output=True, timeout=limit, check=False)
            except subprocess.TimeoutExpired:
                return Verdict("**hangs**" + _left(out), hung=True, left=bool(_left(out)))
            said = (done.stdout + done.stderr).decode("utf-8", "replace")
            if done.returncode:
                trace = ", trace" if any(mark in said for mark in TRACES) else ""
                left = _left(out)
                by = ", by bcftools" if command[0] == "bcftools" else ""
                return Verdict(f"status {done.returncode}{by}{trace}{left}", left=bool(left))
        rows = _rows(out.with_name("out.vcf.gz"))
        text = "no output" if rows is None else f"{rows} records"
        accepted = bool(fault.message) or rows != fault.records
        return Verdict(f"**accepted: {text}**" if accepted else f"as defined: {text}", accepted=accepted)


def _left(out: Path) -> str:
    """What there is under the output's name after an error."""
    rows = _rows(out.with_name("out.vcf.gz"))
    return "" if rows is None else f", output left with {rows} records"


def _rows(path: Path) -> int | None:
    """Records of a file that may be cut; None if there is none."""
    if not path.exists():
        return None
    count = 0
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                count += not line.startswith(b"#")
    except (EOFError, OSError, zlib.error):
        pass
    return count


def main() -> None:
    """Print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--limit", type=float, default=30.0, help="seconds")
    parser.add_argument("--out", type=Path)
    parsed = parser.parse_args()
    tools = [tool for tool in TOOLS if tool == "spinimpute" or shutil.which(tool.split()[0].lower())]
    lines = ["| fault | " + " | ".join(tools) + " |", "|---" * (1 + len(tools)) + "|"]
    verdicts: dict[str, list[Verdict]] = {tool: [] for tool in tools}
    for fault in FAULTS:
        for tool in tools:
            verdicts[tool].append(judge(tool, fault, parsed.limit))
        lines.append(f"| {fault.name} | " + " | ".join(verdicts[tool][-1].text for tool in tools) + " |")
        print(lines[-1], flush=True)
    for tool, found in verdicts.items():
        hung, accepted, left = (sum(getattr(v, what) for v in found) for what in ("hung", "accepted", "left"))
        print(f"{tool}: {len(found)} inputs, {hung} hangs, {accepted} accepted, {left} outputs left")
    if parsed.out:
        parsed.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
