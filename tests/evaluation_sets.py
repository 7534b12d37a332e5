"""A truth, an imputed file, a panel and a typed file, small and full of special cases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from builders import CONTIGS, Rec, rec, sample_names, write_vcf
from numpy.typing import NDArray

META = (
    '##INFO=<ID=DR2,Number=A,Type=Float,Description="x">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="x">',
    '##FORMAT=<ID=DS,Number=A,Type=Float,Description="x">',
)
IMP = '##INFO=<ID=IMP,Number=0,Type=Flag,Description="x">'
ALLELES = (("A", "C"), ("A", "C,G"), ("G", "GT"), ("GTT", "G"), ("AC", "GT"), ("A", "<DEL>"))
PEOPLE, PANEL, RECORDS = 12, 60, 80


@dataclass(frozen=True)
class EvaluationSet:
    """The files; every fourth record is typed, some others are missing from the imputed file or the panel."""

    truth: Path
    imputed: Path
    panel: Path
    typed: Path
    flagged: Path  # as imputed, all untyped records with the flag IMP


def make_set(folder: Path, seed: int = 0, suffix: str = ".vcf.gz", index: bool = True) -> EvaluationSet:
    """Write the files with two chromosomes of RECORDS records each."""
    rng = np.random.default_rng(seed)
    truth: list[Rec] = []
    imputed: list[Rec] = []
    flagged: list[Rec] = []
    panel: list[Rec] = []
    typed: list[Rec] = []
    for chrom in CONTIGS:
        pos = np.sort(rng.choice(np.arange(1, 400), RECORDS, replace=False)) * 1000
        for i, position in enumerate(pos.tolist()):
            ref, alt = ALLELES[rng.choice(len(ALLELES), p=[0.6, 0.1, 0.1, 0.1, 0.05, 0.05])]
            n_alts = alt.count(",") + 1
            weights = np.array([1.0, *rng.choice([0.003, 0.03, 0.3, 3.0], n_alts)])
            draw = rng.choice(n_alts + 1, (PEOPLE + PANEL, 2), p=weights / weights.sum())
            people, others = draw[:PEOPLE], draw[PEOPLE:]
            missing = rng.random(PEOPLE) < 0.03
            calls = [".|." if gone else f"{a}|{b}" for (a, b), gone in zip(people, missing, strict=True)]
            truth.append(rec(position, ref, alt, *calls, chrom=chrom))
            if rng.random() < 0.95:
                panel.append(rec(position, ref, alt, *[f"{a}|{b}" for a, b in others], chrom=chrom))
            is_typed = i % 4 == 0
            if is_typed:
                typed.append(truth[-1])
            if rng.random() < 0.95:
                columns, info = _guess(rng, people, n_alts)
                fields = {"chrom": chrom, "fmt": "GT:DS"}
                # Samples stand in another order than in the truth.
                imputed.append(rec(position, ref, alt, *columns[::-1], info=info, **fields))
                info += "" if is_typed else ";IMP"
                flagged.append(rec(position, ref, alt, *columns[::-1], info=info, **fields))
    names = sample_names(PEOPLE)
    return EvaluationSet(
        truth=write_vcf(folder / f"truth{suffix}", truth, names, index=index),
        imputed=write_vcf(folder / f"imputed{suffix}", imputed, names[::-1], index=index, meta=META),
        panel=write_vcf(folder / f"panel{suffix}", panel, sample_names(PANEL, "p"), index=index),
        typed=write_vcf(folder / f"typed{suffix}", typed, names, index=index),
        flagged=write_vcf(folder / f"flagged{suffix}", flagged, names[::-1], index=index, meta=(*META, IMP)),
    )


def _guess(rng: np.random.Generator, people: NDArray[np.int64], n_alts: int) -> tuple[list[str], str]:
    """Genotype columns near the truth (S, 2), and INFO."""
    counts = np.stack([(people == alt + 1).sum(axis=1) for alt in range(n_alts)], axis=1)
    doses = np.clip(counts + rng.normal(0, 0.35, counts.shape), 0, 2).round(3)
    wrong = rng.random(people.shape) < 0.1
    called = np.where(wrong, 0, people)
    columns = [
        f"{a}|{b}:{','.join(f'{dose:.3f}' for dose in row)}"
        for (a, b), row in zip(called, doses, strict=True)
    ]
    estimates = ",".join(f"{value:.3f}" for value in rng.random(n_alts))
    frequency = ",".join(f"{value:.4f}" for value in doses.mean(axis=0) / 2)
    return columns, f"AF={frequency};DR2={estimates}"
