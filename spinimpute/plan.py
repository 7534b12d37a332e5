"""A job divided into independent parts: some windows of a chromosome for some of the samples.

Making the plan reads panel and target once: everything is checked, and each window gets its place, so that a
part computes the very windows of the undivided job from its stretch of the panel.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import compress, groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from spinimpute import __version__
from spinimpute.alleles import Fate
from spinimpute.config import ImputeConfig
from spinimpute.errors import SpinImputeError
from spinimpute.io.fates import write_fates
from spinimpute.io.integrity import check_output
from spinimpute.io.outputs import atomic_output
from spinimpute.io.ploidy import Haploids
from spinimpute.io.rows import TargetOnlyBlock
from spinimpute.io.structures import from_plain, to_plain
from spinimpute.job import Job, open_job
from spinimpute.orientation import Verdicts
from spinimpute.panel import PanelBlock
from spinimpute.phasing import count_unphased
from spinimpute.provenance import fingerprint
from spinimpute.sites import FateTable
from spinimpute.spin.checkpoint import load_model
from spinimpute.tally import Tally
from spinimpute.target_only import TargetOnlyFile
from spinimpute.windows import Place, cut_windows, most_variants, stretch_of

_REMEDY = "make the plan again"


@dataclass(frozen=True)
class Stretch:
    """Consecutive windows of one chromosome, by their places; first counts all windows before them."""

    chrom: str
    first: int
    places: list[Place]


@dataclass(frozen=True)
class Part:
    """One part of a plan: a stretch and the samples from begin to end."""

    number: int
    stretch: Stretch
    begin: int
    end: int


@dataclass(frozen=True)
class HaploidRuns:
    """Which samples are haploid on a chromosome, and where: runs of panel positions, from first to last."""

    samples: list[str]
    runs: list[tuple[int, int]]

    def of(self, samples: list[str]) -> Haploids:
        """The same for some of the samples of the target, maybe none of whom is haploid."""
        haploid = frozenset(self.samples)
        mask = np.array([name in haploid for name in samples], np.bool_)
        return Haploids(mask, self.runs[0][0], self.runs[-1][1], runs=self.runs)


@dataclass(frozen=True)
class Plan:
    """All that its parts and their merging must agree on.

    inputs holds a fingerprint of each input file; batches the bounds of the lots of samples; phase tells that
    genotypes are unphased, which takes whole chromosomes; most is how many variants a core may have; verdicts
    and fates are those of target records; ploidy is that of the target by the panel's chromosomes, if not all
    is diploid.
    """

    version: str
    config: ImputeConfig
    inputs: dict[str, str]
    model: str
    panel_digest: str
    panel_haplotypes: int
    contigs: dict[str, int | None]
    samples: list[str]
    target_records: int
    phase: bool
    most: int
    verdicts: dict[str, Fate | None]
    ploidy: dict[str, HaploidRuns]
    fates: dict[str, int]
    batches: list[int]
    stretches: list[Stretch]

    @property
    def digest(self) -> str:
        """SHA-256 of the plan, wherever it lies, by which parts are known as its own."""
        anywhere = replace(self, config=replace(self.config, out=""))
        return hashlib.sha256(_spell(anywhere).encode()).hexdigest()

    @property
    def fate_table(self) -> Path:
        """Where the fates of target records are, beside the plan."""
        return Path(self.config.out + ".variants.tsv.gz")

    @property
    def target_only(self) -> TargetOnlyFile:
        """Where target records that the panel lacks are, beside the plan, if they are kept."""
        return TargetOnlyFile(Path(self.config.out + ".target-only"))

    @property
    def windows(self) -> int:
        """How many windows there are."""
        return sum(len(stretch.places) for stretch in self.stretches)

    def parts(self) -> list[Part]:
        """The parts, all batches of a stretch one after another."""
        pairs = [(stretch, *bounds) for stretch in self.stretches for bounds in pairwise(self.batches)]
        return [Part(number, *pair) for number, pair in enumerate(pairs, 1)]

    def part(self, number: int) -> Part:
        """A part by its number from 1 on; SpinImputeError if there is none."""
        parts = self.parts()
        if not 1 <= number <= len(parts):
            raise SpinImputeError(f"parts are numbered from 1 to {len(parts)}", found=str(number))
        return parts[number - 1]

    def check_inputs(self) -> None:
        """Raise SpinImputeError if this is another version or an input is not what it was."""
        if self.version != __version__:
            raise SpinImputeError(
                "a plan belongs to one version of spinimpute",
                found=f"{self.version} in the plan, {__version__} here",
                remedy=_REMEDY,
            )
        for name, expected in self.inputs.items():
            if fingerprint(Path(name)) != expected:
                raise SpinImputeError(
                    "inputs must be as they were when the plan was made",
                    where=name,
                    found="other content",
                    remedy=_REMEDY,
                )

    def save(self, path: Path) -> None:
        """Write the plan, complete or not at all."""
        with atomic_output(path) as unfinished:
            unfinished.write_text(_spell(self) + "\n")

    @staticmethod
    def load(path: Path) -> Plan:
        """Read a plan; SpinImputeError if it is none."""
        try:
            plan: Plan = from_plain(Plan, json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            found = error.strerror or "" if isinstance(error, OSError) else "something else"
            raise SpinImputeError(
                "a plan made by spinimpute plan is needed", where=str(path), found=found, remedy=_REMEDY
            ) from error
        return replace(plan, config=replace(plan.config, out=str(path)))


def make_plan(config: ImputeConfig, path: Path, windows: int, samples: int) -> Plan:
    """Divide a job into parts of at most so many windows and samples, and write the plan and its fate table.

    Where genotypes are unphased a part takes whole chromosomes, as their phase runs through. SpinImputeError
    for input that cannot be used.
    """
    if not config.impute:
        raise SpinImputeError("only imputation is divided into parts, without --no-impute")
    if str(config.gt) == "-":
        raise SpinImputeError("parts read the target again, so it must be a file", found="standard input")
    check_output(path, config.files)
    model = load_model(config.model_name)
    with open_job(config) as job:
        laid, names, phase = _lay_out(job, config), job.samples, count_unphased(job.target) > 0
        plan = Plan(
            version=__version__,
            config=replace(config, out=str(path)),
            inputs={str(each): fingerprint(each) for each in config.files},
            model=str(model),
            panel_digest=job.panel.digest(),
            panel_haplotypes=2 * len(job.panel.samples),
            contigs=job.panel.contigs,
            samples=names,
            target_records=job.records,
            phase=phase,
            most=laid.most,
            verdicts=laid.verdicts.found,
            ploidy=laid.ploidy,
            fates=dict(Counter(fate.value for table in laid.tables for fate in table.fates)),
            batches=[*range(0, len(names), samples), len(names)],
            stretches=list(_stretches(laid.places, len(laid.places) if phase else windows)),
        )
    write_fates(plan.fate_table, laid.tables)
    if config.keep_target_only:
        plan.target_only.write(laid.kept)
    plan.save(path)
    return plan


@dataclass(frozen=True)
class _Layout:
    """What reading panel and target once has told: the places of all windows, by chromosome, and the rest of
    a plan; kept are the target-only records, by chromosome, if they are kept.
    """

    places: list[tuple[str, Place]]
    most: int
    verdicts: Verdicts
    ploidy: dict[str, HaploidRuns]
    tables: list[FateTable]
    kept: list[tuple[str, TargetOnlyBlock]]


def _lay_out(job: Job, config: ImputeConfig) -> _Layout:
    """Cut a job into its windows; SpinImputeError as `make_plan`."""
    names = job.samples
    tally, verdicts, ploidy = Tally(job.records, len(names), None), Verdicts(), dict[str, HaploidRuns]()
    alignment = job.align(job.target, verdicts)
    blocks = _note_ploidy(alignment.blocks(job.blocks()), names, ploidy)
    most = most_variants(2 * len(names))
    cut = tally.windows(cut_windows(blocks, config.window, config.overlap, most))
    places = [(window.sites.chrom, window.place) for window in cut]
    keep = dict(places) if config.keep_target_only else {}
    kept = [(chrom, alignment.target_only(chrom, None)) for chrom in keep]
    tables = alignment.finish(config.ref, config.gt)
    tally.warn()
    return _Layout(places, most, verdicts, ploidy, tables, kept)


def _note_ploidy(
    blocks: Iterable[PanelBlock], samples: list[str], found: dict[str, HaploidRuns]
) -> Iterator[PanelBlock]:
    """Yield blocks; note where which of the samples are haploid.

    SpinImputeError if the ploidy of the panel changes amid a position, as parts begin with whole ones.
    """
    before: PanelBlock | None = None
    for block in blocks:
        haploid, pos, chrom = block.target.haploid, block.sites.pos, block.sites.chrom
        if len(pos):
            goes_on = before is not None and stretch_of(before) == stretch_of(block)
            if before and not goes_on and (before.sites.chrom, before.sites.pos[-1]) == (chrom, pos[0]):
                raise SpinImputeError(
                    "records at one position must have one ploidy to be divided into parts",
                    where=f"{chrom}:{pos[0]}",
                    found="haploid and diploid ones",
                    remedy="impute this chromosome with spinimpute impute, and plan the others with --chrom",
                )
            if haploid is not None:
                runs = found.setdefault(chrom, HaploidRuns(list(compress(samples, haploid)), [])).runs
                begin = runs.pop()[0] if goes_on else int(pos[0])
                runs.append((begin, int(pos[-1])))
            before = block
        yield block


def _stretches(places: list[tuple[str, Place]], most: int) -> Iterator[Stretch]:
    """Group the windows of each chromosome by at most so many."""
    done = 0
    for chrom, windows in groupby(places, key=lambda place: place[0]):
        found = [place for _, place in windows]
        for low in range(0, len(found), most):
            part = found[low : low + most]
            yield Stretch(chrom, done, part)
            done += len(part)


def _spell(plan: Plan) -> str:
    plain: Any = to_plain(plan)
    return json.dumps(plain, indent=1)
