"""The people of a panel imputed from each other: a tenth of them at a time is left out, typed where the
target is, and imputed from the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinimpute.alignment import TypedBlock
from spinimpute.config import CalibrateConfig, ImputeConfig
from spinimpute.errors import SpinImputeError
from spinimpute.io.inputs import open_variants, panel_blocks
from spinimpute.io.records import RecordBlock
from spinimpute.job import open_job
from spinimpute.pipeline import impute
from spinimpute.side_inputs import SideInputs

if TYPE_CHECKING:
    import cyvcf2

FOLDS = 10
# With fewer people in a fold there is little to learn.
LEAST_PEOPLE = 5 * FOLDS


@dataclass(frozen=True)
class Fold:
    """People of the panel, by number (S,), who are left out together, and where their files are."""

    people: NDArray[np.int64]
    names: list[str]
    folder: Path

    @property
    def target(self) -> Path:
        """Their genotypes at the typed records."""
        return self.folder / "target.vcf.gz"

    @property
    def imputed(self) -> Path:
        """What is imputed from the others."""
        return self.folder / "imputed.bcf"


class LeftOutRecord(NamedTuple):
    """A biallelic record that was not typed, its site being chromosome, position, REF and ALT: probability
    (T,) of ALT by haplotype, imputed from the others, and whether it has it (T,).
    """

    site: tuple[str, int, str, str]
    probability: NDArray[np.float32]
    truth: NDArray[np.bool_]


def make_folds(config: CalibrateConfig, folder: Path) -> list[Fold]:
    """Divide the people, at most config.people, and write what a target typed as config.gt would see of them.

    Raises SpinImputeError for input that cannot be imputed, and for fewer than LEAST_PEOPLE people.
    """
    import pysam

    with open_job(config) as job, ExitStack() as files:
        samples = job.panel.samples
        chosen = np.random.default_rng(config.seed).permutation(len(samples))[: config.people]
        if len(chosen) < LEAST_PEOPLE:
            raise SpinImputeError(
                f"calibration needs a panel of at least {LEAST_PEOPLE} people",
                where=str(config.ref),
                found=str(len(chosen)),
                remedy="use the model as it is",
            )
        parts = [np.sort(part) for part in np.array_split(chosen, FOLDS)]
        folds = [Fold(p, [samples[i] for i in p], folder / str(i)) for i, p in enumerate(parts)]
        opened = []
        for fold in folds:
            fold.folder.mkdir()
            opened.append(files.enter_context(pysam.BGZFile(str(fold.target), "wb", None)))
            opened[-1].write(_header(fold, list(job.panel.contigs)).encode())
        alignment = job.align(job.target)
        for block in alignment.typed_blocks(job.blocks()):
            if block.panel.shape[1] == 2 * len(samples):  # nobody is haploid there
                for fold, file in zip(folds, opened, strict=True):
                    file.write(_lines(block, fold).encode())
        alignment.finish(config.ref, config.gt)
    return folds


def _header(fold: Fold, contigs: Sequence[str]) -> str:
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *fold.names]
    lines = ["##fileformat=VCFv4.3", *(f"##contig=<ID={contig}>" for contig in contigs)]
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">', "\t".join(columns)]
    return "\n".join(lines) + "\n"


def _lines(block: TypedBlock, fold: Fold) -> str:
    sites = block.sites
    lines = []
    for row, alleles in enumerate(block.panel[:, _columns(fold.people)].tolist()):
        genotypes = [f"{a}|{b}" for a, b in zip(alleles[::2], alleles[1::2], strict=True)]
        site = [sites.chrom, str(sites.pos[row]), ".", sites.ref[row], ",".join(sites.alts[row])]
        lines.append("\t".join([*site, ".", "PASS", ".", "GT", *genotypes]) + "\n")
    return "".join(lines)


def impute_fold(config: CalibrateConfig, model: Path, fold: Fold) -> None:
    """Impute a fold's people from everybody else; SpinImputeError as `pipeline.impute`."""
    impute(
        ImputeConfig(
            ref=config.ref, gt=fold.target, map=config.map, chrom=config.chrom, out=str(fold.imputed),
            exclude_samples=config.exclude_samples, exclude_markers=config.exclude_markers,
            allow_overlap=True, model=str(model), ap=True, device=config.device,
            nthreads=config.nthreads, seed=config.seed, no_version=True,
        )
    )  # fmt: skip


def read_folds(config: CalibrateConfig, folds: Sequence[Fold]) -> Iterator[LeftOutRecord]:
    """Yield the biallelic records that were not typed, with the people of all folds side by side."""
    import cyvcf2

    side = SideInputs.read(config)
    names = [name for fold in folds for name in fold.names]
    with open_variants(config.ref, "panel", side.excluded) as panel:
        number = {name: i for i, name in enumerate(panel.samples)}
        columns = _columns(np.array([number[name] for name in names]))
        rows = _rows(panel_blocks(panel, side.region), 2 * len(panel.samples))
        for records in zip(*(cyvcf2.VCF(str(fold.imputed)) for fold in folds), strict=True):
            first = records[0]
            if len(first.ALT) == 1 and first.INFO.get("IMP"):
                key = (first.CHROM, first.POS, first.REF, first.ALT[0])
                alleles = next(alleles for site, alleles in rows if site == key)
                if alleles is not None:
                    probability = np.concatenate([_probabilities(record) for record in records])
                    yield LeftOutRecord(key, probability, alleles[columns] == 1)


def _columns(people: NDArray[np.int64]) -> NDArray[np.int64]:
    """The haplotypes (T,) of people (S,)."""
    return np.stack([2 * people, 2 * people + 1], axis=1).ravel()


def _rows(
    blocks: Iterator[RecordBlock], haplotypes: int
) -> Iterator[tuple[tuple[str, int, str, str], NDArray[np.int8] | None]]:
    """Each biallelic record with its alleles (N,), None where somebody is haploid."""
    for block in blocks:
        sites = block.sites
        for row, alts in enumerate(sites.alts):
            if len(alts) == 1:
                key = (sites.chrom, int(sites.pos[row]), sites.ref[row], alts[0])
                yield key, block.alleles[row] if block.alleles.shape[1] == haplotypes else None


def _probabilities(record: cyvcf2.Variant) -> NDArray[np.float32]:
    """The probability (T,) of ALT of each haplotype."""
    pairs = np.stack([record.format("AP1")[:, 0], record.format("AP2")[:, 0]], axis=1)
    return pairs.ravel().astype(np.float32)
