"""BCF as records."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.decoded import MALFORMED, NO_GENOTYPES, Decoded, genotype_error
from spinimpute.io.genotype_binary import decode_binary
from spinimpute.io.inflate import Offset, inflate
from spinimpute.io.records import GENOTYPE_RULE, Batch
from spinimpute.io.text import CONTIG, Header, at_least, sample_columns

_MAGIC = 5  # bytes: BCF and the version
_LENGTHS = 8  # bytes of the two lengths that begin a record
_KEYED = re.compile(r"##(?:FILTER|INFO|FORMAT)=<ID=([^,>]+)")
_NUMBER = re.compile(r",IDX=(\d+)>$")


@dataclass(frozen=True)
class BinaryHeader:
    """A BCF header: its text, the chromosome behind each number, the number that stands for GT."""

    header: Header
    chroms: dict[int, str]
    gt: int

    @staticmethod
    def parse(text: str, where: str) -> BinaryHeader:
        """Read the text of a header; SpinImputeError if it is faulty."""
        lines = text.splitlines()
        chroms = _numbered(lines, CONTIG, [])
        keys = {name: number for number, name in _numbered(lines, _KEYED, ["PASS"]).items()}
        return BinaryHeader(Header.parse(text, where), chroms, keys.get("GT", -1))


def read_binary_header(pieces: Iterator[bytes], where: str) -> tuple[BinaryHeader, bytes]:
    """Read the header off the front of BCF data; return it with what follows in the same piece."""
    data, begin = b"", _MAGIC + 4
    for piece in pieces:
        data += piece
        end = begin + int(struct.unpack_from("<I", data, _MAGIC)[0]) if len(data) >= begin else begin
        if len(data) >= end:
            text = data[begin:end].rstrip(b"\0").decode("utf-8", "replace")
            return BinaryHeader.parse(text, where), data[end:]
    raise SpinImputeError("the header is cut", where=where, remedy="copy or write the file again")


class BinarySource:
    """Records of BCF data for some of its samples, from the start or from an offset."""

    def __init__(
        self, path: Path, where: str, kept: Sequence[str], threads: int = 2, offset: Offset | None = None
    ) -> None:
        self._where = where
        self._pieces = inflate(path, where, threads)
        self._header, self._rest = read_binary_header(self._pieces, where)
        if offset is not None:
            self._pieces, self._rest = inflate(path, where, threads, offset), b""
        self._column = sample_columns(self._header.header.samples, kept)
        self._data = self._rest
        self._position = 0
        self._names = np.empty(0, np.uint8)

    def fill(self, batch: Batch) -> bool:
        """Append records until the batch is full; False once the data are exhausted."""
        chroms = np.empty(len(batch.alleles), np.int32)
        data = np.frombuffer(self._data, np.uint8)
        while batch.room:
            row = len(batch)
            self._names = at_least(self._names, len(data))
            place = self._position, row, self._header.gt, self._column
            rows = batch.alleles, batch.phased, chroms, batch.pos, self._names
            done = Decoded(*decode_binary(data, *place, *rows))
            self._append(batch, chroms[row : done.rows], self._names[: done.names].tobytes())
            self._position = done.position
            if done.fault:
                raise self._refusal(done, batch)
            if batch.room:
                if not self._advance():
                    return False
                data = np.frombuffer(self._data, np.uint8)
        return True

    def _advance(self) -> bool:
        """Take the next piece; False if there is none."""
        rest = self._data[self._position :]
        piece = next(self._pieces, b"")
        if rest and not piece:
            raise SpinImputeError(
                "the last record is cut", where=self._where, remedy="copy or write the file again"
            )
        self._data, self._position = rest + piece, 0
        return bool(piece)

    def _append(self, batch: Batch, numbers: NDArray[np.int32], names: bytes) -> None:
        """Append the records that are decoded; SpinImputeError if the header lacks a chromosome."""
        chroms = self._header.chroms
        known = [chroms[number] for number in takewhile(chroms.__contains__, numbers.tolist())]
        columns = names.decode("utf-8", "replace").split("\t")
        batch.append(known, *(columns[first : 3 * len(known) : 3] for first in range(3)))
        if len(known) < len(numbers):
            raise self._corrupt(batch)

    def _corrupt(self, batch: Batch) -> SpinImputeError:
        last = ", record after {}:{}".format(*batch.last) if len(batch) else ""
        return SpinImputeError(
            "the file is corrupt", where=f"{self._where}{last}", remedy="check it with bcftools view"
        )

    def _refusal(self, done: Decoded, batch: Batch) -> SpinImputeError:
        if done.fault == MALFORMED:
            return self._corrupt(batch)
        number, pos = struct.unpack_from("<2i", self._data, done.position + _LENGTHS)
        if number not in self._header.chroms:
            return self._corrupt(batch)
        where = f"{self._where} {self._header.chroms[number]}:{pos + 1}"
        if done.fault == NO_GENOTYPES:
            remedy = "drop it, e.g. with bcftools view -t ^CHROM:POS"
            return SpinImputeError(GENOTYPE_RULE, where=where, found="no GT in FORMAT", remedy=remedy)
        where = f"{where} sample {self._header.header.samples[done.sample]}"
        return genotype_error(done, where)


def _numbered(lines: Sequence[str], pattern: re.Pattern[str], implied: list[str]) -> dict[int, str]:
    """Header entries by number, which an entry may state (IDX) and otherwise follows from the order."""
    names: dict[int, str] = dict(enumerate(implied))
    for line in lines:
        if (name := pattern.match(line)) and name[1] not in names.values():
            number = _NUMBER.search(line)
            names[int(number[1]) if number else len(names)] = name[1]
    return names
