"""What a reader can tell of a file's records without reading all of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """Kinds of variant files, which differ in what reading an allele costs."""

    TEXT = "text"
    BINARY = "binary"
    PREPARED = "prepared"
    ZARR = "zarr"


@dataclass(frozen=True)
class Count:
    """A number of records; an estimate unless exact."""

    records: int
    exact: bool


@dataclass(frozen=True)
class FileCount:
    """Records of a whole file by chromosome, and in total; without by_chrom the total is an estimate."""

    total: int
    by_chrom: dict[str, int] | None = None

    @staticmethod
    def exact(by_chrom: dict[str, int]) -> FileCount:
        """The count of a file whose chromosomes are counted."""
        return FileCount(sum(by_chrom.values()), by_chrom)
