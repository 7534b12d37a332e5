"""The imputed VCF or BCF file with its index."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import pysam
import pysam.bcftools
from pysam.utils import SamtoolsError

from spinimpute.io.deflate import BgzfWriter
from spinimpute.io.index import count_records
from spinimpute.io.index_writer import IndexBuilder
from spinimpute.io.inflate import Offset, inflate
from spinimpute.io.integrity import ends_whole
from spinimpute.io.outputs import OutputNames, partial_name, publish, writing
from spinimpute.io.rows import ImputedBlock, RowFormat, encode

__all__ = ["DosageWriter", "ImputedBlock"]

_FIELDS = """\
##INFO=<ID=AF,Number=A,Type=Float,Description="Estimated ALT Allele Frequencies">
##INFO=<ID=DR2,Number=A,Type=Float,Description="Dosage R-Squared: estimated squared correlation between \
estimated ALT dose and true ALT dose">
##INFO=<ID=ER2,Number=A,Type=Float,Description="Empirical R-Squared: squared correlation between ALT dose \
estimated without the marker's own alleles and observed ALT dose">
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


def descriptions() -> dict[str, str]:
    """What each INFO and FORMAT field means."""
    return dict(re.findall(r'ID=(\w+),.*Description="(.*)"', _TYPED_ONLY + _FIELDS + _AP + _GP))


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
        self._rows = 0
        self._records = IndexBuilder()
        self._undeclared = False
        self._head = b""
        self._file: BgzfWriter | None = None

    def __enter__(self) -> DosageWriter:
        try:
            with writing(self._names.vcf):
                self._file = self._open(self._text)
        except BaseException:
            self._text.unlink(missing_ok=True)
            raise
        return self

    def write(self, block: ImputedBlock) -> None:
        """Append the records of one block, in coordinate order; SpinImputeError if the disk refuses."""
        assert self._file is not None
        if not len(block.sites):
            return
        rows = encode(block, self._fields)
        with writing(self._names.vcf):
            self._file.write(rows.text)
        self._rows += len(rows.lengths)
        self._records.add(block.sites.chrom, rows.pos, rows.spans, rows.lengths)
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
            for leftover in {self._text, self._partial, index, self._whole}:
                leftover.unlink(missing_ok=True)

    @property
    def _index(self) -> Path:
        """The index: names.index, unless that kind cannot hold the positions written."""
        vcf = self._names.vcf
        return vcf.with_name(vcf.name + ".csi") if self._records.is_csi else self._names.index

    @property
    def _whole(self) -> Path:
        """The text with a header that declares all chromosomes, until it replaces the text."""
        return self._text.with_name(self._text.name + ".vcf.gz")

    def _open(self, path: Path) -> BgzfWriter:
        """The file with the header of what is known so far."""
        self._head = self._header()
        # The text that becomes BCF is read by bcftools.
        file = BgzfWriter(path, read_back=not self._is_bcf)
        file.write(self._head)
        return file

    def _finish(self, index: Path) -> None:
        vcf = self._partial
        if self._undeclared:
            self._declare()
        found = self._convert(index) if self._is_bcf else self._index_text(index)
        if found != self._rows:
            raise OSError(f"{self._rows} records were written and {found} can be read back")
        if not ends_whole(vcf):
            raise OSError("the end of the file is missing")
        for kind in (".tbi", ".csi"):
            # An index that an earlier output left would be taken for one of this file.
            self._names.vcf.with_name(self._names.vcf.name + kind).unlink(missing_ok=True)
        publish(vcf, self._names.vcf)
        publish(index, self._index)

    def _index_text(self, index: Path) -> int:
        """Write the index; return how many records were read back."""
        file = self._file
        assert file is not None
        content = self._records.content(lambda places: file.virtual(len(self._head) + places))
        with BgzfWriter(index) as packed:
            packed.write(content)
        return file.lines - self._head.count(b"\n")

    def _convert(self, index: Path) -> int:
        """Write the text as BCF, and its index; return the records in it, all of which are read for that."""
        loudness = pysam.set_verbosity(0)  # the error that is raised says it once
        try:
            pysam.bcftools.view(
                "--no-version", "-Ob", "-o", str(self._partial), str(self._text), catch_stdout=False
            )
            pysam.bcftools.index("-f", "-o", str(index), str(self._partial), catch_stdout=False)
        except SamtoolsError as error:
            raise OSError("bcftools could not write it") from error
        finally:
            pysam.set_verbosity(loudness)
        return sum((count_records(index, list(self._contigs)) or {}).values())

    def _declare(self) -> None:
        """Write the text again behind a header with chromosomes that were not known when it was begun: BCF
        cannot do without.
        """
        assert self._file is not None
        (start,) = self._file.virtual(np.array([len(self._head)])).tolist()
        with self._open(self._whole) as file:
            for piece in inflate(self._text, str(self._text), offset=Offset(start >> 16, start & 0xFFFF)):
                file.write(piece)
        self._whole.replace(self._text)
        self._file = file

    def _header(self) -> bytes:
        lines = ["##fileformat=VCFv4.3", '##FILTER=<ID=PASS,Description="All filters passed">', *self._meta]
        for name, length in self._contigs.items():
            lines.append(f"##contig=<ID={name}{f',length={length}' if length else ''}>")
        columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *self._samples]
        text = (_TYPED_ONLY if self._target_only else "") + _FIELDS
        text += (_AP if self._fields.ap else "") + (_GP if self._fields.gp else "")
        return ("\n".join(lines) + "\n" + text + "\t".join(columns) + "\n").encode()
