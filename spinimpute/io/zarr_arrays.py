"""The arrays of a VCF Zarr store, opened and read with the project's errors."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore, ZipStore

from spinimpute.errors import SpinImputeError

_NEEDED = ("contig_id", "sample_id", "variant_contig", "variant_position", "variant_allele", "call_genotype")
_OPTIONAL = ("variant_id", "contig_length", "call_genotype_phased")
_FAULTS = (
    OSError, LookupError, RuntimeError, SystemError, TypeError, ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class ZarrArrays:
    """The arrays of an open store; SpinImputeError whenever one is absent or cannot be read."""

    def __init__(self, path: Path, where: str) -> None:
        self.where = where
        self._store: LocalStore | ZipStore
        self._store = LocalStore(path, read_only=True) if path.is_dir() else ZipStore(path, mode="r")
        try:
            with self._readable(), warnings.catch_warnings(record=True) as remarks:
                warnings.simplefilter("always")
                self._group = zarr.open_group(self._store, mode="r")
                names = set(self._group.array_keys())
        except SpinImputeError as error:
            self.close()
            found = "a directory that is no Zarr store" if path.is_dir() else "a ZIP archive without one"
            raise SpinImputeError(
                "a variant file or a VCF Zarr store is needed",
                where=where,
                found=found,
                remedy="give a .vcf, .vcf.gz, .bcf or .vcz",
            ) from error
        self._refuse_unknown([str(remark.message) for remark in remarks])
        absent = [name for name in _NEEDED if name not in names]
        if absent:
            self.close()
            raise SpinImputeError(
                "the store is not VCF Zarr with genotypes", where=where, found=f"no {', '.join(absent)}"
            )

    def _refuse_unknown(self, remarks: list[str]) -> None:
        """Raise SpinImputeError if an array that is used has lost its description, and so is passed over."""
        for name in (*_NEEDED, *_OPTIONAL):
            if any(f"Object at {name} is not recognized" in remark for remark in remarks):
                self.close()
                raise SpinImputeError(
                    "the VCF Zarr store is damaged",
                    where=self.where,
                    found=f"{name} without a description",
                    remedy="copy it or make it again",
                )

    def __contains__(self, name: str) -> bool:
        return name in self._group

    @property
    def length(self) -> int:
        """How many records there are."""
        return int(self._array("variant_position").shape[0])

    @property
    def step(self) -> int:
        """How many records of genotypes are stored together."""
        return int(self._array("call_genotype").chunks[0])

    def rows(self, name: str, begin: int = 0, end: int | None = None) -> NDArray[Any]:
        """Some rows of an array."""
        with self._readable():
            return np.asarray(self._array(name)[begin:end])

    def strings(self, name: str, begin: int = 0, end: int | None = None) -> list[Any]:
        """Some rows of an array of text."""
        rows: list[Any] = self.rows(name, begin, end).tolist()
        return rows

    def close(self) -> None:
        """Close the store."""
        # A ZIP archive that could not even be opened has nothing to close, and says so.
        with suppress(AttributeError):
            self._store.close()

    def _array(self, name: str) -> zarr.Array[Any]:
        array = self._group[name]
        if not isinstance(array, zarr.Array):
            raise SpinImputeError("the store is not VCF Zarr", where=self.where, found=f"no array {name}")
        return array

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn whatever a damaged store makes the libraries say into one SpinImputeError."""
        try:
            yield
        except SpinImputeError:
            raise
        except _FAULTS as error:
            raise SpinImputeError(
                "the VCF Zarr store is damaged",
                where=self.where,
                found=str(error),
                remedy="copy it or make it again",
            ) from error
