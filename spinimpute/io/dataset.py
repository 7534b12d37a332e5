"""Imputed files as xarray datasets with sgkit's names, for work in memory.

Variables, by their dimensions:

- contigs: contig_id
- samples: sample_id
- variants: variant_contig (index of contig_id), variant_position, variant_id, variant_AF, variant_DR2
  (variant_R2 for Minimac's files), variant_IMP (whether it was imputed)
- variants, alleles (2): variant_allele
- variants, samples: call_dosage, call_dosage_mask, call_genotype_phased
- variants, samples, ploidy (2): call_genotype (-1 missing), call_genotype_mask

A variant is one ALT allele, as bcftools norm -m- has it: other ALTs of its record count as 0 in
call_genotype. Those of AF, DR2, R2 and IMP that the file lacks are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.dosage_file import DosageBlock, DosageReader, open_dosages
from spinimpute.io.inputs import open_variants
from spinimpute.io.records import RecordBlock
from spinimpute.io.region import Region
from spinimpute.io.sparse import variant_alleles

VARIANTS, SAMPLES, ALLELES, PLOIDY, CONTIGS = "variants", "samples", "alleles", "ploidy", "contigs"


def load_dataset(path: Path, chrom: str | None = None) -> xarray.Dataset:
    """Load an imputed file, or one chromosome of it; SpinImputeError if it is faulty or has no variant."""
    reader = open_dosages(path)
    blocks = list(reader.blocks(chrom))
    if not blocks:
        raise SpinImputeError(
            "no variant to load", where=reader.where, found=f"none in {chrom or 'the file'}"
        )
    with open_variants(path, "imputed") as file:
        records = list(file.blocks(region=Region(chrom) if chrom else None))
    held = xarray.Dataset(attrs={"source": path.name})
    held["sample_id"] = SAMPLES, np.array(reader.samples, dtype=np.str_)
    _add_sites(held, blocks)
    _add_estimates(held, blocks, reader)
    _add_calls(held, blocks, records)
    return held


def _add_sites(held: xarray.Dataset, blocks: Sequence[DosageBlock]) -> None:
    contigs = list(dict.fromkeys(block.sites.chrom for block in blocks))
    contig, position, ids, alleles = [], [], [], []
    for block in blocks:
        sites = block.sites
        record, allele = variant_alleles(sites)
        contig.append(np.full(len(record), contigs.index(sites.chrom), np.int16))
        position.append(sites.pos[record])
        ids += [sites.ids[r] for r in record]
        alleles += [(sites.ref[r], sites.alts[r][a - 1]) for r, a in zip(record, allele, strict=True)]
    held["contig_id"] = CONTIGS, np.array(contigs, dtype=np.str_)
    held["variant_contig"] = VARIANTS, np.concatenate(contig)
    held["variant_position"] = VARIANTS, np.concatenate(position)
    held["variant_id"] = VARIANTS, np.array(ids, dtype=object)
    held["variant_allele"] = (VARIANTS, ALLELES), np.array(alleles, dtype=object)


def _add_estimates(held: xarray.Dataset, blocks: Sequence[DosageBlock], reader: DosageReader) -> None:
    frequency = np.concatenate([block.frequency for block in blocks])
    if np.isfinite(frequency).any():
        held["variant_AF"] = VARIANTS, frequency
    if reader.estimate:
        held[f"variant_{reader.estimate}"] = VARIANTS, np.concatenate([block.estimated for block in blocks])
    if reader.marks_typed:
        held["variant_IMP"] = VARIANTS, ~np.concatenate([block.typed for block in blocks])


def _add_calls(held: xarray.Dataset, blocks: Sequence[DosageBlock], records: Sequence[RecordBlock]) -> None:
    dosages = np.concatenate([block.dosages for block in blocks])
    held["call_dosage"] = (VARIANTS, SAMPLES), dosages
    held["call_dosage_mask"] = (VARIANTS, SAMPLES), np.isnan(dosages)
    genotypes, phased = (np.concatenate(parts) for parts in zip(*_variant_calls(records), strict=True))
    held["call_genotype"] = (VARIANTS, SAMPLES, PLOIDY), genotypes
    held["call_genotype_mask"] = (VARIANTS, SAMPLES, PLOIDY), genotypes < 0
    held["call_genotype_phased"] = (VARIANTS, SAMPLES), phased


def _variant_calls(
    records: Sequence[RecordBlock],
) -> Iterator[tuple[NDArray[np.int8], NDArray[np.bool_]]]:
    """Yield genotypes (V, S, 2) of each block, and which of them are phased (V, S)."""
    for block in records:
        record, allele = variant_alleles(block.sites)
        pairs = block.alleles.reshape(len(block.sites), -1, 2)[record]
        carried = (pairs == allele[:, None, None]).astype(np.int8)
        carried[pairs < 0] = -1
        yield carried, block.phased[record]
