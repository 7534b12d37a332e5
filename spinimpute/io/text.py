"""VCF text as records."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.decoded import COLUMNS, NO_GENOTYPES, POSITION, Decoded, genotype_error
from spinimpute.io.genotype_text import decode
from spinimpute.io.inflate import Offset, inflate
from spinimpute.io.records import GENOTYPE_RULE, MOST_POSITION, Batch, check_unique_names

_FIXED = 9  # columns before the first sample
CONTIG = re.compile(r"##contig=<(?:.*,)?ID=([^,>]+)")
_LENGTH = re.compile(r"[<,]length=(\d+)")


@dataclass(frozen=True)
class Header:
    """What a header tells: samples, contigs with their length if known, number of lines."""

    samples: list[str]
    contigs: dict[str, int | None]
    lines: int

    @staticmethod
    def parse(text: str, where: str) -> Header:
        """Read the text of a header; SpinImputeError if it has no column line or names a sample twice."""
        lines = text.splitlines()
        if not lines or not lines[-1].startswith("#CHROM\t"):
            raise SpinImputeError(
                "the header must end with the line of column names",
                where=where,
                remedy="copy or write the file again",
            )
        samples = lines[-1].split("\t")[_FIXED:]
        check_unique_names(samples, where)
        contigs: dict[str, int | None] = {}
        for line in lines:
            if name_match := CONTIG.match(line):
                length = _LENGTH.search(line)
                contigs[name_match[1]] = int(length[1]) if length else None
        return Header(samples, contigs, len(lines))


def read_header(pieces: Iterator[bytes], where: str) -> tuple[Header, bytes]:
    """Read the header off the front of a text; return it with what follows in the same piece."""
    text, end = b"", -1
    for piece in pieces:
        text += piece
        begin = text.find(b"\n#CHROM")
        end = text.find(b"\n", begin + 1) if begin >= 0 else -1
        if end >= 0:
            break
    end = end if end >= 0 else len(text)
    return Header.parse(text[:end].decode("utf-8", "replace"), where), text[end + 1 :]


class TextSource:
    """Records of VCF text for some of its samples, from the start or from an offset."""

    def __init__(
        self, path: Path, where: str, kept: Collection[str], threads: int = 2, offset: Offset | None = None
    ) -> None:
        self._where = where
        self._pieces = inflate(path, where, threads)
        self._header, self._rest = read_header(self._pieces, where)
        if offset is not None:
            self._pieces, self._rest = inflate(path, where, threads, offset), b""
        self._by_line = offset is None
        self._line = self._header.lines + 1
        self._column = sample_columns(self._header.samples, kept)
        self._piece, self._ahead, self._stop = b"", 0, 0
        self._data, self._text, self._position = b"", np.empty(0, np.uint8), 0
        self._names = np.empty(0, np.uint8)

    def fill(self, batch: Batch) -> bool:
        """Append records until the batch is full; False once the text is exhausted."""
        while batch.room:
            if self._position == len(self._text) and not self._advance():
                return False
            place = self._position, len(batch), self._column
            rows = batch.alleles, batch.phased, batch.pos, self._names
            done = Decoded(*decode(self._text, *place, *rows))
            columns = self._names[: done.names].tobytes().decode("utf-8", "replace").split("\t")
            batch.append(*(columns[first:-1:4] for first in range(4)))
            if done.fault:
                raise self._refusal(done)
            self._line += done.lines
            self._position = done.position
        return True

    def _advance(self) -> bool:
        """Take the next lines: the one that two pieces share, or those of the second after it."""
        if self._ahead < self._stop:
            self._take(self._piece, self._ahead, self._stop)
            self._ahead = self._stop
            return True
        for piece in self._pieces:
            first, self._stop = piece.find(b"\n") + 1, piece.rfind(b"\n") + 1
            begun, self._rest = self._rest + piece[:first], piece[self._stop :]
            if first:
                self._piece, self._ahead = piece, first
                self._take(begun, 0, len(begun))
                return True
            self._rest = begun + piece
        # The last line may lack its end.
        begun, self._rest = self._rest + b"\n" if self._rest else b"", b""
        self._take(begun, 0, len(begun))
        return len(begun) > 0

    def _take(self, data: bytes, start: int, stop: int) -> None:
        """Go on with the lines of data from start to stop."""
        self._data, self._position = data, start
        self._text = np.frombuffer(data, np.uint8, stop)
        self._names = at_least(self._names, stop)

    def _refusal(self, done: Decoded) -> SpinImputeError:
        stop = self._data.find(b"\n", done.position)
        fields = self._data[done.position : stop].decode("utf-8", "replace").split("\t")
        where = self._place(done.position, *fields[:2])
        columns = _FIXED + len(self._header.samples)
        if done.fault == COLUMNS or len(fields) < columns:
            found = f"{len(fields)} columns, {columns} in the header"
            return SpinImputeError(
                "a row must have as many columns as the header",
                where=where,
                found=found,
                remedy="mend the row or write the file again",
            )
        if done.fault == NO_GENOTYPES:
            found = f"FORMAT {fields[_FIXED - 1][:40]}"
            return SpinImputeError(GENOTYPE_RULE, where=where, found=found, remedy="GT must come first")
        if done.fault == POSITION:
            return SpinImputeError(
                f"a position must be a number up to {MOST_POSITION}",
                where=where,
                found=repr(fields[1][:40]),
                remedy="mend the row",
            )
        where = f"{where} sample {self._header.samples[done.sample]}"
        return genotype_error(done, where)

    def _place(self, start: int, *site: str) -> str:
        """The file, line and site of the line at start, for a message."""
        line = self._line + self._data.count(b"\n", self._position, start)
        return f"{self._where}{f' line {line}' if self._by_line else ''} {':'.join(site)[:60]}"


def at_least(buffer: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A buffer of at least some size: the given one if it is, as much new memory is slow."""
    return buffer if len(buffer) >= size else np.empty(size, np.uint8)


def sample_columns(samples: Sequence[str], kept: Collection[str]) -> NDArray[np.int64]:
    """The place of each sample among those kept, -1 for the others."""
    wanted = set(kept)
    keep = np.array([name in wanted for name in samples])
    return np.where(keep, keep.cumsum() - 1, -1)
