"""The imputed VCF or BCF file with its index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pysam
import pysam.bcftools
from pysam.utils import SamtoolsError

from spinimpute.io.deflate import BgzfWriter
from spinimpute.io.outputs import OutputNames, partial_name, publish, writing
from spinimpute.io.rows import ImputedBlock, RowFormat, encode

__all__ = ["DosageWriter", "ImputedBlock"]

_TBI_LIMIT = (1 << 29) - (1 << 20)  # a tbi index holds no position from 2^29 on; the margin is for long REFs
_FIELDS = """\
##INFO=<ID=AF,Number=A,Type=Float,Description="Estimated ALT Allele Frequencies">
##INFO=<ID=DR2,Number=A,Type=Float,Description="Dosage R-Squared: estimated squared correlation between \
estimated ALT dose and true ALT dose">
##INFO=<ID=IMP,Number=0,Type=Flag,Description="Imputed marker">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DS,Number=A,Type=Float,Description="Estimated ALT dose [P(RA) + 2*P(AA)]">
"""
_TYPED_ONLY = '##INFO=<ID=TYPED_ONLY,Number=0,Type=Flag,Description="Target record that the panel lacks">\n'
_AP = """\
##FORMAT=<ID=AP1,Number=A,Type=Float,Description="Estimated ALT dose on first haplotype">
##FORMAT=<ID=AP2,Number=A,Type=Float,Description="Estimated ALT dose on second haplotype">
"""
_GP = '##FORMAT=<ID=GP,Number=G,Type=Float,Description="Estimated Genotype Probability">\n'


class DosageWriter:
    """Writes imputed blocks to names.vcf and an index; both appear when the context ends, or neither.

    contigs gives the chromosomes' lengths, None if unknown; meta holds further header lines ("##key=value");
    target_only tells that there may be target-only records.
    """

    def __init__(
        self,
        names: OutputNames,
        samples: Sequence[str],
        contigs: Mapping[str, int | None],
        ap: bool = False,
        gp: bool = False,
        meta: Sequence[str] = (),
        target_only: bool = False,
    ) -> None:
        self._names = names
        self._fields = RowFormat(ap, gp)
        self._target_only = target_only
        self._samples = list(samples)
        self._contigs = dict(contigs)
        self._meta = list(meta)
        self._is_bcf = names.vcf.suffix == ".bcf"
        self._partial = partial_name(names.vcf)
        self._text = (
            self._partial.with_name(self._partial.name + ".vcf.gz") if self._is_bcf else self._partial
        )
        self._far = False
        self._undeclared = False
        self._file: BgzfWriter | None = None

    def __enter__(self) -> DosageWriter:
        try:
            with writing(self._names.vcf):
                self._file = BgzfWriter(self._text)
                self._file.write(self._header())
        except BaseException:
            self._text.unlink(missing_ok=True)
            raise
        return self

    def write(self, block: ImputedBlock) -> None:
        """Append the records of one block, in coordinate order; SpinImputeError if the disk refuses."""
        assert self._file is not None
        if not len(block.sites):
            return
        with writing(self._names.vcf):
            self._file.write(encode(block, self._fields))
        parts = [block.sites, *([block.target_only.sites] if block.target_only else [])]
        self._far |= max(int(part.pos[-1]) for part in parts) >= _TBI_LIMIT
        self._undeclared |= block.sites.chrom not in self._contigs
        self._contigs.setdefault(block.sites.chrom, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        index = partial_name(self._index)
        try:
            with writing(self._names.vcf):
                self._file.__exit__(kind, error, trace)
                if kind is None:
                    self._finish(index)
        finally:
            for leftover in {
                self._text,
                self._partial,
                index,
                self._spare(".header"),
                self._spare(".vcf.gz"),
            }:
                leftover.unlink(missing_ok=True)

    @property
    def _index(self) -> Path:
        """The index: names.index, unless that kind cannot hold the positions written."""
        vcf = self._names.vcf
        return vcf.with_name(vcf.name + ".csi") if self._far else self._names.index

    def _spare(self, suffix: str) -> Path:
        return self._text.with_name(self._text.name + suffix)

    def _finish(self, index: Path) -> None:
        vcf = self._partial
        try:
            if self._undeclared:
                self._declare()
            if self._is_bcf:
                pysam.bcftools.view(
                    "--no-version", "-Ob", "-o", str(vcf), str(self._text), catch_stdout=False
                )
                pysam.bcftools.index("-f", "-o", str(index), str(vcf), catch_stdout=False)
            else:
                pysam.tabix_index(str(vcf), preset="vcf", index=str(index), force=True, csi=self._far)
        except SamtoolsError as error:
            raise OSError(str(error)) from error
        publish(index, self._index)
        publish(vcf, self._names.vcf)
        for kind in {".tbi", ".csi"} - {self._index.suffix}:
            # An index that an earlier output left would be taken for one of this file.
            self._names.vcf.with_name(self._names.vcf.name + kind).unlink(missing_ok=True)

    def _declare(self) -> None:
        """Put chromosomes into the header that were not known when it was written: BCF cannot do without."""
        header, whole = self._spare(".header"), self._spare(".vcf.gz")
        header.write_bytes(self._header())
        pysam.bcftools.reheader("-h", str(header), "-o", str(whole), str(self._text), catch_stdout=False)
        whole.replace(self._text)

    def _header(self) -> bytes:
        lines = ["##fileformat=VCFv4.3", '##FILTER=<ID=PASS,Description="All filters passed">', *self._meta]
        for name, length in self._contigs.items():
            lines.append(f"##contig=<ID={name}{f',length={length}' if length else ''}>")
        columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *self._samples]
        text = (_TYPED_ONLY if self._target_only else "") + _FIELDS
        text += (_AP if self._fields.ap else "") + (_GP if self._fields.gp else "")
        return ("\n".join(lines) + "\n" + text + "\t".join(columns) + "\n").encode()
