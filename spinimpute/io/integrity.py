"""Checks of whole files before any record is read or written."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from spinimpute.errors import SpinImputeError

GZIP_MAGIC = b"\x1f\x8b"
# The empty block that ends every complete BGZF file (SAM specification, section 4.1.2).
BGZF_EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BCF_MAGIC = b"BCF\x02"
_BREF3_MAGIC = 0x7A8874F4.to_bytes(4, "big")
_HEAD = 1 << 16


def check_input(path: Path, role: str) -> None:
    """Raise SpinImputeError unless path is a readable, complete file of the kind that role needs.

    The role is "map", or "panel", "target" or any other name for a variant file. Only head and tail are read;
    plain gzip has no end marker, so a cut file of that kind is found out on reading.
    """
    where = f"{role} {path}"
    check_readable(path, where)
    with path.open("rb") as file:
        head = file.read(_HEAD)
        size = os.fstat(file.fileno()).st_size
        if not head:
            raise SpinImputeError("the file is empty", where=where, remedy="give a file with records")
        if is_bgzf(head):
            _check_bgzf_end(file, size, where)
    if role != "map":
        _check_variants(head, where)


def is_bgzf(head: bytes) -> bool:
    """Tell whether a file that begins with head is in blocked gzip format."""
    return head.startswith(GZIP_MAGIC) and len(head) > 13 and bool(head[3] & 4) and head[12:14] == b"BC"


def is_binary(path: Path) -> bool:
    """Tell whether a variant file is BCF."""
    with path.open("rb") as file:
        return _unpacked(file.read(_HEAD)).startswith(_BCF_MAGIC)


def check_output(path: Path, inputs: Iterable[Path], role: str = "output") -> None:
    """Raise SpinImputeError if path is an input or a directory, or its own directory cannot be written."""
    where = f"{role} {path}"
    if path.is_dir():
        raise SpinImputeError("the output is an existing directory", where=where, remedy="name a file")
    parent = path.parent
    if not parent.is_dir():
        raise SpinImputeError(
            "the output directory does not exist", where=where, found=str(parent), remedy="create it first"
        )
    if not os.access(parent, os.W_OK | os.X_OK):
        raise SpinImputeError("the output directory is not writable", where=where, found=str(parent))
    for given in inputs:
        if given.exists() and path.exists() and given.samefile(path):
            raise SpinImputeError(
                "the output must not be an input", where=where, found=str(given), remedy="choose another name"
            )


def check_readable(path: Path, where: str) -> None:
    """Raise SpinImputeError unless path is a file that can be read."""
    if not path.exists():
        raise SpinImputeError("the file does not exist", where=where, remedy="check the path")
    if path.is_dir():
        raise SpinImputeError("a file is needed", where=where, found="a directory")
    try:
        path.open("rb").close()
    except OSError as error:
        raise SpinImputeError("the file cannot be read", where=where, found=error.strerror or "") from error


def _check_bgzf_end(file: BinaryIO, size: int, where: str) -> None:
    file.seek(max(0, size - len(BGZF_EOF)))
    if file.read() != BGZF_EOF:
        raise SpinImputeError(
            "the BGZF file is truncated",
            where=where,
            found="no end-of-file block",
            remedy="copy or write the file again",
        )


def _check_variants(head: bytes, where: str) -> None:
    try:
        start = _unpacked(head)
    except zlib.error as error:
        raise SpinImputeError("the file is corrupt", where=where, remedy="copy or write it again") from error
    if start.startswith(_BREF3_MAGIC):
        remedy = "give the VCF that it was made from, or convert it with Beagle's unbref3"
        raise SpinImputeError("bref3 panels cannot be read", where=where, remedy=remedy)
    if not start.startswith((b"##fileformat=VCF", _BCF_MAGIC)):
        raise SpinImputeError(
            "the file is not VCF or BCF", where=where, remedy="give a .vcf, .vcf.gz or .bcf file"
        )


def _unpacked(head: bytes) -> bytes:
    if not head.startswith(GZIP_MAGIC):
        return head
    return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, 64)
