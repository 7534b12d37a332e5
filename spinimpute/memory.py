"""An imputation is kept to a given amount of memory by shorter cores and fewer threads."""

from __future__ import annotations

from dataclasses import dataclass

from spinimpute.errors import SpinImputeError
from spinimpute.estimate import COEFFICIENTS, MemoryParts, memory_parts
from spinimpute.limits import Limit
from spinimpute.windows import most_variants
from spinimpute.workload import Workload

# Cores of fewer variants would spend their time on their flanks.
LEAST_CORE = 2048
_BATCHES = 0.25  # share of the memory beyond what is fixed that batches on threads may take


@dataclass(frozen=True)
class Fit:
    """How much is done at a time: variants of a core, at most, and threads."""

    variants: int
    threads: int


def fit_memory(work: Workload, asked: float | None, limit: Limit | None) -> Fit:
    """Fit a job into the memory asked for, in MB; SpinImputeError if it cannot.

    Without that, SpinImputeError if the job is expected to go beyond a limit that would end it.
    """
    targets = 2 * work.samples
    usual = Fit(most_variants(targets), work.threads)
    parts = memory_parts(work, COEFFICIENTS)
    need = _need(parts, usual)
    if asked is None:
        if limit and need > limit.megabytes:
            raise SpinImputeError(
                "the job must fit into memory",
                found=f"about {need:.0f} MB needed, {limit.megabytes:.0f} MB allowed by {limit.name}",
                remedy="--memory SIZE makes it do less at a time",
            )
        return usual
    if need <= asked:
        return usual
    least = _need(parts, Fit(LEAST_CORE, 1))
    if least > asked:
        raise SpinImputeError(
            "the job must fit into --memory",
            found=f"{asked:.0f} MB, at least {least:.0f} MB needed",
            remedy="give more, fewer target samples, a smaller --window or a smaller --overlap",
        )
    threads = min(work.threads, max(1, int(_BATCHES * (asked - parts.fixed) / parts.batch)))
    room = asked - parts.fixed - threads * parts.batch
    if room < LEAST_CORE * parts.variant:
        threads, room = 1, asked - parts.fixed - parts.batch
    return Fit(int(min(usual.variants, room / parts.variant)), threads)


def _need(parts: MemoryParts, fit: Fit) -> float:
    core = min(parts.core, fit.variants)
    return parts.fixed + core * parts.variant + fit.threads * parts.batch
