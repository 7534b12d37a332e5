"""Imputed records as a VCF Zarr store (bio2zarr's layout of the VCF Zarr specification, version 0.4)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from spinimpute import __version__
from spinimpute.dosages import genotype_probabilities
from spinimpute.io.outputs import partial_name, publish_folder, writing
from spinimpute.io.record_arrays import RecordArrays
from spinimpute.io.records import ABSENT
from spinimpute.io.rows import ImputedBlock, RowFormat
from spinimpute.io.writer import descriptions

_ROWS, _SAMPLES = 1000, 10_000  # in a chunk
_TEXT = np.dtypes.StringDType()
_SIZED = {"alleles", "alt_alleles", "genotypes"}  # dimensions that grow with what comes
# Missing and absent numbers are different nans (as in BCF).
# As arrays: numbers on their own may lose what tells them apart.
_MISSING = np.array([0x7F800001], np.uint32).view(np.float32)
_ABSENT = np.array([0x7F800002], np.uint32).view(np.float32)


class ZarrWriter:
    """Writes imputed blocks to a store; it appears when the context ends, or not at all.

    The parameters are those of `DosageWriter`; meta is kept as an attribute.
    """

    def __init__(
        self,
        path: Path,
        samples: Sequence[str],
        contigs: Mapping[str, int | None],
        fields: RowFormat,
        meta: Sequence[str] = (),
        target_only: bool = False,
    ) -> None:
        self._path = path
        self._partial = partial_name(path)
        self._samples = list(samples)
        self._contigs = dict(contigs)
        self._fields = fields
        self._meta = list(meta)
        self._target_only = target_only
        self._held: list[RecordArrays] = []
        self._rows = 0
        self._group: Any = None
        self._arrays: dict[str, Any] = {}
        self._meanings = descriptions()

    def __enter__(self) -> ZarrWriter:
        with writing(self._path):
            shutil.rmtree(self._partial, ignore_errors=True)
            self._group = zarr.create_group(zarr.storage.LocalStore(self._partial), zarr_format=2)
        return self

    def write(self, block: ImputedBlock) -> None:
        """Append the records of one block, in coordinate order; SpinImputeError if the disk refuses."""
        if not len(block.sites):
            return
        self._contigs.setdefault(block.sites.chrom, None)
        self._held.append(RecordArrays.of(block))
        while sum(len(part.sites) for part in self._held) >= _ROWS:
            self._flush(_ROWS)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with writing(self._path):
                    self._flush(sum(len(part.sites) for part in self._held))
                    self._finish()
                    publish_folder(self._partial, self._path)
        finally:
            shutil.rmtree(self._partial, ignore_errors=True)

    def _flush(self, rows: int) -> None:
        """Write so many of the records that are held."""
        taken = 0
        while taken < rows:
            part = self._held.pop(0)
            n = min(len(part.sites), rows - taken)
            if n < len(part.sites):
                self._held.insert(0, part.take(slice(n, None)))
            taken += n
            with writing(self._path):
                self._append(self._columns(part.take(slice(0, n))), n)

    def _columns(self, records: RecordArrays) -> dict[str, tuple[NDArray[Any], tuple[str, ...]]]:
        """Arrays by name, with the names of their dimensions after that of records."""
        sites = records.sites
        alleles = [[ref, *alts] for ref, alts in zip(sites.ref, sites.alts, strict=True)]
        width = max(map(len, alleles))
        contig = list(self._contigs).index(sites.chrom)
        n = len(sites)
        columns: dict[str, tuple[NDArray[Any], tuple[str, ...]]] = {
            "variant_contig": (np.full(n, contig, np.int16), ()),
            "variant_position": (sites.pos.astype(np.int32), ()),
            "variant_length": (np.array([len(ref) for ref in sites.ref], np.int32), ()),
            "variant_id": (np.array(sites.ids, _TEXT), ()),
            "variant_id_mask": (np.array([name == "." for name in sites.ids]), ()),
            "variant_quality": (np.repeat(_MISSING, n), ()),
            "variant_filter": (np.ones((n, 1), np.bool_), ("filters",)),
            "variant_allele": (
                np.array([row + [""] * (width - len(row)) for row in alleles], _TEXT), ("alleles",),
            ),
            "variant_IMP": (records.imputed, ()),
            "call_genotype": (records.codes.reshape(n, -1, 2), ("samples", "ploidy")),
            "call_genotype_mask": (records.codes.reshape(n, -1, 2) < 0, ("samples", "ploidy")),
            "call_genotype_phased": (records.phased, ("samples",)),
        }  # fmt: skip
        if self._target_only:
            columns["variant_TYPED_ONLY"] = records.target_only, ()
        for name in ("af", "dr2", "er2"):
            columns[f"variant_{name.upper()}"] = (
                self._numbers(records, getattr(records, name)),
                ("alt_alleles",),
            )
        return columns | self._estimates(records)

    def _estimates(self, records: RecordArrays) -> dict[str, tuple[NDArray[Any], tuple[str, ...]]]:
        numbers = {"DS": records.ds}
        if self._fields.ap:
            numbers |= {"AP1": records.dosages[:, :, 0::2], "AP2": records.dosages[:, :, 1::2]}
        columns: dict[str, tuple[NDArray[Any], tuple[str, ...]]] = {}
        haploid = records.codes[:, 1::2] == ABSENT
        for name, values in numbers.items():
            by_sample = np.moveaxis(self._numbers(records, values), 1, 2).copy()
            if name == "AP2":
                by_sample[haploid] = np.where(np.isnan(by_sample[haploid]), by_sample[haploid], _MISSING)
            columns[f"call_{name}"] = by_sample, ("samples", "alt_alleles")
        if self._fields.gp:
            columns["call_GP"] = _probabilities(records, haploid), ("samples", "genotypes")
        return columns

    def _numbers(self, records: RecordArrays, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Numbers (R, A, ...): missing ones as such, and those beyond a record's last ALT as absent."""
        counts = np.array([len(alts) for alts in records.sites.alts])
        values = np.where(np.isnan(values), _MISSING, values).astype(np.float32)
        beyond = np.arange(values.shape[1]) >= np.maximum(counts, 1)[:, None]
        values[beyond] = _ABSENT
        return values

    def _append(self, columns: Mapping[str, tuple[NDArray[Any], tuple[str, ...]]], n: int) -> None:
        for name, (values, dimensions) in columns.items():
            if name not in self._arrays:
                self._arrays[name] = self._create(name, values, ("variants", *dimensions))
            array = self._arrays[name]
            shape = [self._rows + n, *array.shape[1:]]
            for axis, dimension in enumerate(dimensions, 1):
                if dimension in _SIZED:
                    shape[axis] = max(shape[axis], values.shape[axis])
            before = array.shape
            array.resize(tuple(shape))
            if values.dtype.kind == "f" and shape[1:] != list(before[1:]):
                # What a store says of unwritten numbers does not tell absent from missing.
                old = (self._rows, *before[1:-1], shape[-1] - before[-1])
                array[: self._rows, ..., before[-1] :] = np.broadcast_to(_ABSENT, old)
            array[(slice(self._rows, None), *(slice(0, size) for size in values.shape[1:]))] = values
        self._rows += n

    def _create(self, name: str, values: NDArray[Any], dimensions: tuple[str, ...]) -> Any:
        """Make an empty array; what will not be written reads as absent."""
        fill: Any = {"f": np.nan, "i": ABSENT, "b": name == "call_genotype_mask", "T": ""}[values.dtype.kind]
        attributes: dict[str, Any] = {"_ARRAY_DIMENSIONS": list(dimensions)}
        if meaning := self._meanings.get(name.split("_", 1)[1]):
            attributes["description"] = meaning
        chunks = [_ROWS, *values.shape[1:]]
        if "samples" in dimensions:
            chunks[1] = min(_SAMPLES, values.shape[1])
        return self._group.create_array(
            name,
            shape=(0, *values.shape[1:]),
            dtype=values.dtype,
            chunks=tuple(max(1, size) for size in chunks),
            fill_value=fill,
            # Else chunks of missing numbers would be left out, and come back as others.
            config={"write_empty_chunks": True},
            attributes=attributes,
        )

    def _finish(self) -> None:
        known = [length for length in self._contigs.values() if length]
        self._whole("sample_id", np.array(self._samples, _TEXT), "samples")
        self._whole("contig_id", np.array(list(self._contigs), _TEXT), "contigs")
        if len(known) == len(self._contigs):
            self._whole("contig_length", np.array(known, np.int64), "contigs")
        self._whole("filter_id", np.array(["PASS"], _TEXT), "filters")
        self._group.attrs["vcf_zarr_version"] = "0.4"
        if self._meta:
            self._group.attrs["source"] = f"spinimpute-{__version__}"
            lines = (line.removeprefix("##").split("=", 1) for line in self._meta)
            self._group.attrs["vcf_meta_information"] = [[key, value] for key, value in lines]
        zarr.consolidate_metadata(self._group.store)

    def _whole(self, name: str, values: NDArray[Any], dimension: str) -> None:
        self._group.create_array(name, data=values, attributes={"_ARRAY_DIMENSIONS": [dimension]})


def _probabilities(records: RecordArrays, haploid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """GP (R, S, G); missing for haploid samples, absent beyond a record's last genotype."""
    counts = np.array([len(alts) for alts in records.sites.alts])
    width = records.dosages.shape[1]
    shape = len(counts), haploid.shape[1], (width + 1) * (width + 2) // 2
    found = np.repeat(_ABSENT, np.prod(shape)).reshape(shape)
    for count in np.unique(counts).tolist():
        rows = np.flatnonzero(counts == count)
        probability = np.moveaxis(genotype_probabilities(records.dosages[rows, :count]), 1, 2)
        found[rows, :, : probability.shape[2]] = np.where(np.isnan(probability), _MISSING, probability)
    found[haploid] = np.where(np.isnan(found[haploid]), found[haploid], _MISSING)
    return found
