"""Inputs that are no files here, copied into a temporary file: their end must be seen before their beginning
is used.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO

from spinimpute.errors import SpinImputeError

STANDARD_INPUT = "-"
# pathlib turns two slashes into one.
_ADDRESS = re.compile(r"(https?|ftp|s3|gs|file):/+")


def is_local(path: Path) -> bool:
    """Whether a path names a file here, which can be read as often as one likes."""
    return str(path) != STANDARD_INPUT and not _ADDRESS.match(str(path))


def spooled(path: Path, where: str) -> IO[bytes] | None:
    """A copy of standard input (-), or of what an address that htslib knows leads to; None for a file.

    SpinImputeError if there is nothing at the address.
    """
    if is_local(path):
        return None
    address = _ADDRESS.match(str(path))
    spool = tempfile.NamedTemporaryFile(prefix="spinimpute-")  # noqa: SIM115 - closed with the reader
    try:
        if address:
            _fetch(f"{address[1]}://{'/' * (address[1] == 'file')}{str(path)[address.end() :]}", spool, where)
        else:
            shutil.copyfileobj(sys.stdin.buffer, spool)
        spool.flush()
    except BaseException:
        spool.close()
        raise
    return spool


def _fetch(address: str, spool: IO[bytes], where: str) -> None:
    from pysam.libchtslib import HFile

    try:
        with HFile(address, "r") as remote:
            shutil.copyfileobj(remote, spool)
    except OSError as error:
        raise SpinImputeError(
            "the address cannot be read",
            where=where,
            found=error.strerror or str(error),
            remedy="check the address and the network, or fetch the file first",
        ) from error
