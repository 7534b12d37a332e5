"""Limits on memory: read from the system, respected by fitting, and met with a plain message."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reliability.data import tables
from spinimpute.errors import SpinImputeError
from spinimpute.estimate import COEFFICIENTS, memory_parts
from spinimpute.io.contents import Kind
from spinimpute.limits import Limit, check_address_space, hard_limit, parse_size
from spinimpute.memory import LEAST_CORE, fit_memory
from spinimpute.windows import most_variants
from spinimpute.workload import Windows, Workload

GIGABYTE = 1 << 30
LARGE = Workload(
    samples=4000, panel_haplotypes=20_000, records=1_000_000, counted=True, read_records=1_000_000,
    minor_share=0.05, panel=Kind.TEXT,
    windows=Windows(count=30, typed=20_000, tokens=144_000, most_tokens=4800, share=0.05, flanked_share=0.09),
    batch_tokens=1 << 14, threads=8, device="cpu", model="m",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [("500M", 500), ("4G", 4000), ("1.5gb", 1500), ("2e", None), ("0", None), ("-1G", None)],
)
def test_sizes(text: str, megabytes: float | None) -> None:
    if megabytes is None:
        with pytest.raises(SpinImputeError, match="a size is a number of bytes"):
            parse_size(text)
    else:
        assert parse_size(text) == megabytes


def test_cgroups(tmp_path: Path) -> None:
    """The tightest of a group and those above it, in either version."""
    process = tmp_path / "cgroup"
    for name, size in (
        ("a/memory.max", "max"),
        ("a/b/memory.max", "3000000000"),
        ("memory.max", "5000000000"),
    ):
        path = tmp_path / "v2" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(size + "\n")
    process.write_text("0::/a/b/c\n")
    assert hard_limit(tmp_path / "v2", process) == Limit(3000, "the cgroup")
    group = tmp_path / "v1" / "memory" / "a"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("2000000000\n")
    (group.parent / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    process.write_text("4:cpu,memory:/a\n1:name=systemd:/\n")
    assert hard_limit(tmp_path / "v1", process) == Limit(2000, "the cgroup")
    assert hard_limit(tmp_path / "v1", tmp_path / "absent") is None


def test_address_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (GIGABYTE, GIGABYTE))
    with pytest.raises(
        SpinImputeError, match=r"at least 1600 MB .*; found 1074 MB allowed by ulimit -v; raise the limit"
    ):
        check_address_space()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (4 * GIGABYTE, GIGABYTE))
    check_address_space()
    limit = hard_limit(tmp_path, tmp_path / "absent")
    assert limit
    assert limit.name == "ulimit -v"
    assert limit.megabytes == pytest.approx(4295 - 1100, abs=1)


def test_without_limits_nothing_changes() -> None:
    fit = fit_memory(LARGE, None, None)
    assert (fit.variants, fit.threads) == (most_variants(8000), 8)
    assert fit_memory(LARGE, None, Limit(1e6, "x")) == fit_memory(LARGE, 1e6, None) == fit


def test_a_hard_limit_below_the_need() -> None:
    message = r"about \d+ MB needed, 700 MB allowed by the cgroup; --memory"
    with pytest.raises(SpinImputeError, match=message):
        fit_memory(LARGE, None, Limit(700, "the cgroup"))


@given(st.floats(100, 20_000), st.integers(1, 20_000), st.integers(1, 32))
def test_what_is_fitted_fits(megabytes: float, samples: int, threads: int) -> None:
    work = replace(LARGE, samples=samples, threads=threads)
    parts = memory_parts(work, COEFFICIENTS)
    if parts.fixed + LEAST_CORE * parts.variant + parts.batch > megabytes:
        with pytest.raises(SpinImputeError, match="the job must fit into --memory"):
            fit_memory(work, megabytes, None)
        return
    fit = fit_memory(work, megabytes, None)
    core = min(parts.core, fit.variants)
    assert parts.fixed + core * parts.variant + fit.threads * parts.batch <= megabytes * (1 + 1e-9)
    assert 1 <= fit.threads <= threads


@pytest.mark.parametrize("megabytes", [900, 1300, 1700])
def test_a_run_under_a_hard_limit_ends_plainly(tmp_path: Path, megabytes: int) -> None:
    panel, target = tables(60, 6, 2)
    files = panel.write(tmp_path / "panel.vcf.gz"), target.write(tmp_path / "target.vcf.gz")
    command = [sys.executable, "-m", "spinimpute", "impute", f"ref={files[0]}", f"gt={files[1]}"]
    command += [f"out={tmp_path / 'out'}", "nthreads=1", "--quiet"]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, preexec_fn=limit)
    if done.returncode:
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert not list(tmp_path.glob("out*"))
    assert done.returncode == 0 or megabytes < 1600 or "MB needed" in done.stderr
