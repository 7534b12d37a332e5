"""The formats of imputed output: which writer an output's name asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from spinimpute.errors import SpinImputeError
from spinimpute.io.outputs import OutputNames
from spinimpute.io.rows import ImputedBlock, RowFormat
from spinimpute.io.writer import DosageWriter


class BlockWriter(Protocol):
    """An output that appears when its context ends, or not at all."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, block: ImputedBlock) -> None:
        """Append the records of one block, in coordinate order."""


def open_writer(
    names: OutputNames,
    samples: Sequence[str],
    contigs: Mapping[str, int | None],
    fields: RowFormat,
    meta: Sequence[str] = (),
    target_only: bool = False,
) -> BlockWriter:
    """The writer for names.vcf, with parameters as for `DosageWriter`; SpinImputeError if the format cannot
    hold what is asked for.
    """
    if names.vcf.suffix == ".vcz":
        # zarr takes a quarter of a second to import.
        from spinimpute.io.zarr_writer import ZarrWriter

        return ZarrWriter(names.vcf, samples, contigs, fields, meta, target_only)
    if names.vcf.suffix == ".bgen":
        from spinimpute.io.bgen_writer import BgenWriter

        if target_only:
            raise SpinImputeError(
                "BGEN output has no place for --keep-target-only", remedy="write VCF, BCF or VCF Zarr"
            )
        return BgenWriter(names.vcf, samples)
    return DosageWriter(names, samples, contigs, fields.ap, fields.gp, meta, target_only)
