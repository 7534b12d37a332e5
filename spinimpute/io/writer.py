"""The imputed VCF or BCF file with its index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import pysam
import pysam.bcftools

from spinimpute.io.deflate import BgzfWriter
from spinimpute.io.outputs import OutputNames, partial_name, publish
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
_AP = """\
##FORMAT=<ID=AP1,Number=A,Type=Float,Description="Estimated ALT dose on first haplotype">
##FORMAT=<ID=AP2,Number=A,Type=Float,Description="Estimated ALT dose on second haplotype">
"""
_GP = '##FORMAT=<ID=GP,Number=G,Type=Float,Description="Estimated Genotype Probability">\n'


class DosageWriter:
    """Writes imputed blocks to names.vcf and an index; both appear when the context ends, or neither.

    contigs gives each chromosome's length, None if unknown; meta holds further header lines ("##key=value").
    """

    def __init__(
        self,
        names: OutputNames,
        samples: Sequence[str],
        contigs: Mapping[str, int | None],
        ap: bool = False,
        gp: bool = False,
        meta: Sequence[str] = (),
    ) -> None:
        self._names = names
        self._fields = RowFormat(ap, gp)
        self._is_bcf = names.vcf.suffix == ".bcf"
        partial = partial_name(names.vcf)
        self._text = partial.with_name(partial.name + ".vcf.gz") if self._is_bcf else partial
        self._header = _header(samples, contigs, self._fields, meta)
        self._far = False
        self._file: BgzfWriter | None = None

    def __enter__(self) -> DosageWriter:
        self._file = BgzfWriter(self._text)
        self._file.write(self._header)
        return self

    def write(self, block: ImputedBlock) -> None:
        """Append the records of one block, in coordinate order."""
        assert self._file is not None
        self._file.write(encode(block, self._fields))
        self._far |= len(block.sites) > 0 and int(block.sites.pos[-1]) >= _TBI_LIMIT

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        vcf, index = partial_name(self._names.vcf), partial_name(self._index)
        try:
            self._file.__exit__(kind, error, trace)
            if kind is None:
                self._finish(vcf, index)
        finally:
            for leftover in {self._text, vcf, index}:
                with suppress(FileNotFoundError):
                    leftover.unlink()

    @property
    def _index(self) -> Path:
        """The index: names.index, unless that kind cannot hold the positions written."""
        vcf = self._names.vcf
        return vcf.with_name(vcf.name + ".csi") if self._far else self._names.index

    def _finish(self, vcf: Path, index: Path) -> None:
        if self._is_bcf:
            pysam.bcftools.view("--no-version", "-Ob", "-o", str(vcf), str(self._text), catch_stdout=False)
            pysam.bcftools.index("-f", "-o", str(index), str(vcf), catch_stdout=False)
        else:
            pysam.tabix_index(str(vcf), preset="vcf", index=str(index), force=True, csi=self._far)
        publish(index, self._index)
        publish(vcf, self._names.vcf)
        for kind in {".tbi", ".csi"} - {self._index.suffix}:
            # An index that an earlier output left would be taken for one of this file.
            vcf_index = self._names.vcf.with_name(self._names.vcf.name + kind)
            vcf_index.unlink(missing_ok=True)


def _header(
    samples: Sequence[str], contigs: Mapping[str, int | None], fields: RowFormat, meta: Sequence[str]
) -> bytes:
    lines = ["##fileformat=VCFv4.3", '##FILTER=<ID=PASS,Description="All filters passed">', *meta]
    for name, length in contigs.items():
        lines.append(f"##contig=<ID={name}{f',length={length}' if length else ''}>")
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    text = _FIELDS + (_AP if fields.ap else "") + (_GP if fields.gp else "")
    return ("\n".join(lines) + "\n" + text + "\t".join(columns) + "\n").encode()
