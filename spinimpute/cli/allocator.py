"""What becomes of memory that is let go."""

from __future__ import annotations

import ctypes

# Numbers that glibc's malloc.h gives these settings.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
# Arrays up to this size are kept, but no more than so much at the end of an arena: larger ones are few, and
# their places would hardly fit what comes next.
_LARGEST, _MOST = 8 << 20, 32 << 20
_ARENAS = 2


def keep_freed_memory() -> None:
    """Have glibc keep memory that is let go for what comes next; nothing happens with another C library.

    Every target takes arrays like those of the one before. If the system gets them back each time, clearing
    the pages again takes a twentieth of a run. The setting is the whole process's, so only the command line
    may choose it.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        settings = {_MMAP_THRESHOLD: _LARGEST, _TRIM_THRESHOLD: _MOST, _ARENA_MAX: _ARENAS}
        for setting, value in settings.items():
            library.mallopt(setting, value)
