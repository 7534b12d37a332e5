"""Random damage to text and bytes, drawn from a random.Random, so that a seed or hypothesis decides."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from random import Random

_NUMBERS = [
    "0",
    "-1",
    "1",
    "127",
    "128",
    "255",
    "2147483647",
    "2147483648",
    "4294967296",
    "9" * 30,
    "1e5",
    "nan",
]
_ALLELES = [
    "A",
    "a",
    "N",
    "",
    ".",
    "*",
    "<DEL>",
    "<*>",
    "A,C",
    "C,C",
    ",",
    "A" * 300,
    "]20:5]A",
    "é",
    "\x00",
    "A C",
]
_GENOTYPES = [
    "0|1", "0/1", ".", ".|.", "./.", "0|.", ".|1", "0", "1", "0|0|1", "0|2", "2|1", "9|9", "127|0", "128|0",
    "|", "/", "0|", "|1", "00|01", "0 |1", "-1|0", "0\\1", "x|y", "", "0|1:3", "0|1:", ":0|1", "0|1|",
    "1" * 40,
]  # fmt: skip
_FORMATS = ["GT", "GT:DP", "DP:GT", "DP", "", ".", "gt", "GT:", "GTX", "G", ":GT"]
_CHROMS = ["20", "chr20", "21", "", "20 ", "20\x00", "chr", "*", "X" * 100, "\u5341", "20:1-5"]
_HEADERS = [
    "", "##", "#", "##contig=<ID=20>", "##contig=<length=5,ID=20>", "##contig=<ID=>",
    "##contig=<ID=20,length=x>",
    "##contig=<ID=20,length=99999999999999999999>", '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">',
    "##fileformat=VCFv4.5", "#CHROM", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts", "\x00",
]  # fmt: skip
_SPECIAL = [b"\t", b"\n", b"\r\n", b"\x00", b"\xff", b"|", b"/", b":", b",", b".", b"#", b"\x1f\x8b", b" "]

Row = list[str]


def mutate_vcf(rng: Random, text: str) -> str:
    """Damage the text of a VCF file in a few places."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        text = rng.choice(_VCF_MUTATIONS)(rng, text)
    return text


def mutate_map(rng: Random, text: str) -> str:
    """Damage the text of a genetic map."""
    rows = [line.split(" ") for line in text.splitlines()]
    for _ in range(rng.choice([1, 1, 2])):
        kind = rng.randrange(5)
        row = rng.choice(rows)
        if kind == 0 and row:
            row[rng.randrange(len(row))] = rng.choice([*_NUMBERS, *_CHROMS, "-inf", "1.5"])
        elif kind == 1:
            rng.shuffle(rows)
        elif kind == 2:
            rows.insert(rng.randrange(len(rows)), list(rng.choice(rows)))
        elif kind == 3 and row:
            row.pop()
        else:
            row.append(rng.choice(_NUMBERS))
    return "\n".join(" ".join(row) for row in rows) + rng.choice(["\n", ""])


def mutate_bytes(rng: Random, data: bytes) -> bytes:
    """Change, insert, remove, repeat or cut some bytes."""
    for _ in range(rng.choice([1, 1, 2, 4])):
        place = rng.randrange(len(data) + 1)
        length = rng.choice([1, 1, 2, 4, 30, 400])
        kind = rng.randrange(7)
        if kind == 0 and place < len(data):
            data = data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :]
        elif kind == 1:
            data = data[:place] + rng.randbytes(length) + data[place:]
        elif kind == 2:
            data = data[:place] + data[place + length :]
        elif kind == 3:
            data = data[:place] + data[place : place + length] + data[place:]
        elif kind == 4:
            data = data[:place]
        elif kind == 5:
            data = data[:place] + rng.choice(_SPECIAL) + data[place + 1 :]
        else:
            data = data[:place] + rng.randbytes(length) + data[place + length :]
    return data


def bgzf(data: bytes, size: int = 4000) -> bytes:
    """Pack bytes as BGZF, whatever they are."""
    blocks = []
    for start in range(0, len(data), size):
        part = data[start : start + size]
        deflator = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = deflator.compress(part) + deflator.flush()
        head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + (len(body) + 25).to_bytes(2, "little")
        blocks.append(head + body + zlib.crc32(part).to_bytes(4, "little") + len(part).to_bytes(4, "little"))
    return b"".join(blocks) + bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def _split(text: str) -> tuple[list[str], list[Row]]:
    lines = text.split("\n")
    header = [line for line in lines if line.startswith("#")]
    return header, [line.split("\t") for line in lines[len(header) :] if line]


def _join(header: list[str], rows: list[Row]) -> str:
    return "\n".join([*header, *("\t".join(row) for row in rows)]) + "\n"


def _field(rng: Random, text: str) -> str:
    """Another value in one place."""
    header, rows = _split(text)
    if rows:
        row = rng.choice(rows)
        column = rng.randrange(len(row))
        special = [_CHROMS, _NUMBERS, _ALLELES, _ALLELES, _ALLELES, _NUMBERS, _ALLELES, _ALLELES, _FORMATS]
        row[column] = rng.choice(special[column] if column < len(special) else _GENOTYPES)
    return _join(header, rows)


def _genotype(rng: Random, text: str) -> str:
    """Another genotype for one or more samples."""
    header, rows = _split(text)
    if rows and len(rows[0]) > 9:
        first = rng.randrange(len(rows))
        for row in rows[first : first + rng.choice([1, 1, 30])]:
            if len(row) > 9:
                row[rng.randrange(9, len(row))] = rng.choice(_GENOTYPES)
    return _join(header, rows)


def _order(rng: Random, text: str) -> str:
    """Rows moved, repeated or removed."""
    header, rows = _split(text)
    if rows:
        a, b = rng.randrange(len(rows)), rng.randrange(len(rows))
        kind = rng.randrange(5)
        if kind == 0:
            rows[a], rows[b] = rows[b], rows[a]
        elif kind == 1:
            rows.insert(a, list(rows[b]))
        elif kind == 2:
            del rows[min(a, b) : max(a, b)]
        elif kind == 3:
            rows.insert(a, list(rows[a]))
        else:
            for row in rows[min(a, b) :]:
                row[0] = rng.choice(_CHROMS[:4])
    return _join(header, rows)


def _columns(rng: Random, text: str) -> str:
    """A row, or the line of column names, with a column more or less."""
    header, rows = _split(text)
    if rows and rng.random() < 0.6:
        row = rng.choice(rows)
    else:
        row = header[-1].split("\t")
        rows.insert(0, row)
    if rng.random() < 0.5 and row:
        del row[rng.randrange(len(row))]
    else:
        row.insert(rng.randrange(len(row) + 1), rng.choice([*_GENOTYPES, "t0"]))
    if rows and rows[0] and rows[0][0].startswith("#CHROM"):
        header[-1] = "\t".join(rows.pop(0))
    return _join(header, rows)


def _header(rng: Random, text: str) -> str:
    """A header line more, less or changed."""
    header, rows = _split(text)
    kind, place = rng.randrange(3), rng.randrange(len(header))
    if kind == 0:
        header.insert(place, rng.choice(_HEADERS))
    elif kind == 1:
        del header[place]
    else:
        header[place] = rng.choice(_HEADERS)
    return _join(header, rows)


def _characters(rng: Random, text: str) -> str:
    """Damage to single characters."""
    return mutate_bytes(rng, text.encode()).decode("utf-8", "replace")


def _endings(rng: Random, text: str) -> str:
    """Other line ends, empty lines, no last line end."""
    kind = rng.randrange(4)
    if kind == 0:
        return text.replace("\n", "\r\n")
    if kind == 1:
        return text.rstrip("\n")
    place = text.index("\n", rng.randrange(len(text) - 1))
    return text[:place] + ("\n\n" if kind == 2 else "\r") + text[place + 1 :]


_VCF_MUTATIONS: list[Callable[[Random, str], str]] = [
    _field, _field, _genotype, _genotype, _order, _columns, _header, _characters, _endings,
]  # fmt: skip
