"""The parts of a plan become one file: that of the undivided job, byte by byte.

Doses are kept exactly, so AF and DR2 are those over all samples.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from spinimpute.ahead import Ahead
from spinimpute.errors import SpinImputeError
from spinimpute.imputed import ImputedWindow
from spinimpute.io.formats import open_writer
from spinimpute.io.integrity import check_output
from spinimpute.io.outputs import OutputNames, atomic_output
from spinimpute.io.parcels import ParcelFile
from spinimpute.io.rows import RowFormat
from spinimpute.part import LABEL, PartLabel, window_name
from spinimpute.pipeline import provenance
from spinimpute.plan import Part, Plan
from spinimpute.tally import ImputeSummary, Listener, Tally
from spinimpute.target_only import amid

logger = logging.getLogger(__name__)

PART_SUFFIX = ".spart"
_SHOWN = 5  # part numbers in a message
_REMEDY = "run that part again"


def merge(
    plan: Plan, paths: Iterable[Path], out: str, chrom: str | None = None, listener: Listener | None = None
) -> ImputeSummary:
    """Write the output of a plan's job from the files of its parts, given in any order, or from folders that
    hold them; with chrom, that chromosome alone. SpinImputeError if parts are missing or belong to another
    plan.
    """
    began = time.monotonic()
    config = replace(plan.config, out=out)
    names = OutputNames.from_out(config.out, config.out_format)
    check_output(names.vcf, config.files)
    parts = [part for part in plan.parts() if chrom is None or part.stretch.chrom == chrom]
    if not parts:
        raise SpinImputeError("the chromosome must be one of the plan's", found=str(chrom))
    files = _find(plan, parts, paths)
    fates = _read_fates(plan.fate_table)
    tally = Tally(plan.target_records, len(plan.samples), listener)
    meta = [] if config.no_version else provenance(config, plan.model, plan.panel_digest)
    fields, keep = RowFormat(config.ap, config.gp), config.keep_target_only
    with (
        open_writer(names, plan.samples, plan.contigs, fields, meta, keep) as writer,
        Ahead(_windows(parts, files)) as windows,
    ):
        blocks = tally.blocks(windows)
        for block in amid(blocks, plan.target_only.source()) if keep else blocks:
            writer.write(block)
    with atomic_output(names.variants) as unfinished:
        unfinished.write_bytes(fates)
    tally.warn()
    return tally.summary(plan.panel_haplotypes, time.monotonic() - began, names.vcf, plan.fates)


def _read_fates(path: Path) -> bytes:
    """The table of fates that was written with the plan."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        found = error.strerror or "" if isinstance(error, OSError) else "an impossible name"
        raise SpinImputeError(
            "a plan's fate table is needed", where=str(path), found=found, remedy="make the plan again"
        ) from error


def _windows(parts: Sequence[Part], files: dict[int, Path]) -> Iterator[ImputedWindow]:
    """Yield the windows of all samples in order."""
    for first, batches in groupby(parts, key=lambda part: part.stretch.first):
        with ExitStack() as stack:
            lots = list(batches)
            together = [stack.enter_context(ParcelFile(files[part.number], _REMEDY)) for part in lots]
            for number in range(first, first + len(lots[0].stretch.places)):
                name = window_name(number)
                yield ImputedWindow.join([file.read(name, ImputedWindow) for file in together])


def _find(plan: Plan, parts: Sequence[Part], paths: Iterable[Path]) -> dict[int, Path]:
    """The file of each part by its number."""
    found: dict[int, Path] = {}
    devices: set[str] = set()
    for path in paths:
        for each in sorted(path.glob(f"*{PART_SUFFIX}")) if path.is_dir() else [path]:
            with ParcelFile(each, _REMEDY) as file:
                label = file.read(LABEL, PartLabel)
            if label.plan != plan.digest:
                raise SpinImputeError("a part must belong to the plan", where=str(each), found="another plan")
            found[label.number] = each
            devices.add(label.device)
    missing = [part.number for part in parts if part.number not in found]
    if missing:
        numbers = ", ".join(map(str, missing[:_SHOWN])) + (" ..." if len(missing) > _SHOWN else "")
        raise SpinImputeError(
            "all parts are needed", found=f"{len(missing)} missing: {numbers}", remedy="run them first"
        )
    if len(devices) > 1:
        logger.warning(
            "parts ran on %s, whose doses may differ in the last digit", " and ".join(sorted(devices))
        )
    return found
