"""The cost model: what more work must cost, and that all of it counts."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from spinimpute.config import ImputeConfig
from spinimpute.estimate import COEFFICIENTS, Coefficients, Estimate, predict
from spinimpute.io.contents import Kind
from spinimpute.workload import Windows, Workload

CONFIG = ImputeConfig(ref=Path("r"), gt=Path("g"), out="o")
WINDOWS = Windows(count=3, typed=3000, tokens=57_600, most_tokens=25_600, share=0.5, flanked_share=0.7)
WORK = Workload(
    samples=200, panel_haplotypes=4000, records=100_000, counted=True, read_records=100_000, minor_share=0.05,
    panel=Kind.TEXT, windows=WINDOWS, batch_tokens=1 << 14, threads=2, device="cpu", model="m",
)  # fmt: skip


def costs(estimate: Estimate) -> list[float]:
    return [estimate.seconds, estimate.memory_megabytes, estimate.output_megabytes]


@pytest.mark.parametrize(
    ("more", "dearer"),
    [
        ({"samples": 400}, [True, True, True]),
        ({"panel_haplotypes": 8000}, [True, True, False]),
        ({"records": 200_000, "read_records": 200_000}, [True, True, True]),
        ({"windows": replace(WINDOWS, tokens=115_200)}, [True, False, False]),
        ({"windows": replace(WINDOWS, share=0.6, flanked_share=0.9)}, [False, True, False]),
        ({"minor_share": 0.1}, [False, False, True]),
    ],
)
def test_more_work_costs_more(more: dict[str, object], dearer: list[bool]) -> None:
    before, after = costs(predict(WORK, CONFIG)), costs(predict(replace(WORK, **more), CONFIG))
    assert [b > a for a, b in zip(before, after, strict=True)] == dearer
    assert all(b >= a for a, b in zip(before, after, strict=True))


def test_more_threads_take_less_time_and_more_memory() -> None:
    two, eight = predict(WORK, CONFIG), predict(replace(WORK, threads=8), CONFIG)
    assert eight.seconds < two.seconds
    assert eight.memory_megabytes > two.memory_megabytes


def test_further_fields_make_the_output_larger() -> None:
    sizes = [
        predict(WORK, replace(CONFIG, **change)).output_megabytes
        for change in ({}, {"ap": True}, {"gp": True}, {"ap": True, "gp": True})
    ]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 4


@pytest.mark.parametrize("name", list(asdict(COEFFICIENTS)))
def test_every_coefficient_acts(name: str) -> None:
    dearer = Coefficients(**{**asdict(COEFFICIENTS), name: 10 * asdict(COEFFICIENTS)[name]})
    kind = {f"{kind.value}_allele": kind for kind in Kind}.get(name)
    work = replace(WORK, panel=kind, read_records=10**9) if kind else WORK
    assert costs(predict(work, CONFIG, dearer)) != costs(predict(work, CONFIG))


def test_a_prepared_panel_is_the_fastest_to_read() -> None:
    seconds = {kind: predict(replace(WORK, panel=kind, threads=1), CONFIG).seconds for kind in Kind}
    assert min(seconds, key=seconds.__getitem__) is Kind.PREPARED


def test_one_stage_by_hand() -> None:
    """One thread and one window: start-up and the work of all stages."""
    cost = replace(
        COEFFICIENTS, start=1.0, text_allele=1e-9, token=1e-6, ordered_allele=0.0, written_genotype=1e-8
    )
    work = replace(WORK, threads=1, windows=replace(WINDOWS, count=1))
    tokens = 2 * 200 * 900 * 64
    expected = 1.0 + 1e-9 * 100_000 * 4000 + 1e-6 * tokens + 1e-8 * 100_000 * 200
    assert predict(work, CONFIG, cost).seconds == pytest.approx(expected)
