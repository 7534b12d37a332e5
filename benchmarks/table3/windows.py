"""Windows as in the paper: 100 consecutive untyped variants and the 150 typed sites nearest to them.

Axes: N panel haplotypes, T target haplotypes, V sites.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.scores import Key

UNTYPED = 100
TYPED = 150
HELD_OUT = 8  # one panel person in so many is for validation; the paper's share is the same
SPLIT_SEED = 0

Alleles = NDArray[np.int8]


@dataclass(frozen=True)
class Haplotypes:
    """Biallelic sites of a file: their keys (V), alleles (V, N), two haplotypes a person, and the people."""

    keys: tuple[Key, ...]
    alleles: Alleles
    people: tuple[str, ...]


@dataclass(frozen=True)
class Window:
    """One window: alleles of panel and targets at typed and untyped sites, haplotypes first.

    `held_out` (N,) marks the panel haplotypes that are kept for validation; `truth` is for scoring alone.
    """

    set: str
    number: int
    keys: tuple[Key, ...]  # of the untyped sites
    panel_typed: Alleles
    panel_untyped: Alleles
    target_typed: Alleles
    truth: Alleles
    held_out: NDArray[np.bool_]

    @property
    def name(self) -> str:
        """Its set and number."""
        return f"{self.set}.{self.number}"

    @property
    def people(self) -> int:
        """Target people."""
        return len(self.truth) // 2

    @property
    def maf(self) -> NDArray[np.float64]:
        """(V,) minor allele frequency of the untyped sites in the whole panel."""
        frequency = self.panel_untyped.mean(axis=0)
        return np.asarray(np.minimum(frequency, 1 - frequency), np.float64)


def read_haplotypes(path: Path) -> Haplotypes:
    """Read the biallelic records of a phased VCF or BCF file."""
    import cyvcf2

    reader = cyvcf2.VCF(str(path))
    found: dict[Key, Alleles] = {}
    for record in reader:
        if len(record.ALT) == 1:
            key = (record.CHROM, record.POS, record.REF, record.ALT[0])
            found[key] = _alleles(record)
    return Haplotypes(tuple(found), np.stack(list(found.values())), tuple(reader.samples))


def read_windows(folder: Path, array: str, number: int) -> Iterator[Window]:
    """Cut a bench set's windows, evenly spread over its untyped sites."""
    panel = read_haplotypes(folder / "panel.bcf")
    truth = read_haplotypes(folder / "truth.bcf")
    target = read_haplotypes(folder / f"target.{array}.vcf.gz")
    return cut_windows(folder.name, panel, target, truth, number)


def cut_windows(
    name: str, panel: Haplotypes, target: Haplotypes, truth: Haplotypes, number: int
) -> Iterator[Window]:
    """Cut `number` windows; sites of which the panel has one allele only are left out."""
    in_panel = {key: row for row, key in enumerate(panel.keys)}
    in_target = {key: row for row, key in enumerate(target.keys)}
    in_truth = {key: row for row, key in enumerate(truth.keys)}
    count = panel.alleles.sum(axis=1)
    varies = (count > 0) & (count < panel.alleles.shape[1])
    untyped = [k for k in panel.keys if k in in_truth and k not in in_target and varies[in_panel[k]]]
    typed = [key for key in panel.keys if key in in_target]
    held_out = hold_out(len(panel.people))
    for i in range(number):
        start = (i + 1) * (len(untyped) - UNTYPED) // (number + 1)
        keys = untyped[start : start + UNTYPED]
        near = nearest(typed, keys)
        yield Window(
            set=name,
            number=i,
            keys=tuple(keys),
            panel_typed=_rows(panel, in_panel, near),
            panel_untyped=_rows(panel, in_panel, keys),
            target_typed=_rows(target, in_target, near),
            truth=_rows(truth, in_truth, keys),
            held_out=held_out,
        )


def nearest(typed: list[Key], window: list[Key]) -> list[Key]:
    """The TYPED sites nearest to a window, those inside it first, in order of position."""
    first, last = window[0][1], window[-1][1]
    distance = [max(first - key[1], key[1] - last, 0) for key in typed]
    chosen = sorted(np.argsort(distance, kind="stable")[:TYPED].tolist())
    return [typed[i] for i in chosen]


def hold_out(people: int) -> NDArray[np.bool_]:
    """(N,) haplotypes of the people drawn for validation."""
    order = np.random.default_rng(SPLIT_SEED).permutation(people)
    held = np.zeros(people, np.bool_)
    held[order[: people // HELD_OUT]] = True
    return np.repeat(held, 2)


def _alleles(record: Any) -> Alleles:
    return np.asarray(record.genotype.array()[:, :2], dtype=np.int8).ravel()


def _rows(source: Haplotypes, index: dict[Key, int], keys: list[Key]) -> Alleles:
    return np.ascontiguousarray(source.alleles[[index[key] for key in keys]].T)
