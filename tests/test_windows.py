"""Packing, windows, copying and inference: against unpacked arrays, plain sums and the whole chromosome at
once.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from test_retrieval import mosaics

from spinimpute.concordance import N_FEATURES
from spinimpute.copying import LEAST_DOSE, copy_alleles
from spinimpute.imputed import DOSE_TICKS
from spinimpute.inference import ABSENT, SPARSE_CONTEXT, Engine, anchor_gaps, choose_anchors, context_size
from spinimpute.io.sparse import SparseBlock
from spinimpute.io.vcf import RecordBlock
from spinimpute.li_stephens import Chains, lay_track, run_chains
from spinimpute.panel import PanelBlock, TypedRecords, align_block
from spinimpute.retrieval import order_panel, retrieve
from spinimpute.segments import cut_segments
from spinimpute.sites import Sites
from spinimpute.spin.accelerated import AcceleratedSpin
from spinimpute.spin.checkpoint import LoadedModel
from spinimpute.spin.compiled import CompiledSpin
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Spin, copied_frequency, entropy
from spinimpute.tokens import task_features
from spinimpute.windows import Window, cut_windows

N_PANEL, N_TARGETS = 60, 4
CONFIG = SpinConfig(width=16, layers=2, context=16, heads=4)


def make_blocks(
    seed: int, n_records: int = 700, block: int = 130, span_cm: float = 12.0, typed_every: int = 5
) -> list[PanelBlock]:
    """A chromosome in blocks: some records with two ALTs, common ALTs among them, every fifth typed, some
    missing.
    """
    rng = np.random.default_rng(seed)
    alleles = mosaics(rng, n_records, N_PANEL + N_TARGETS).astype(np.int8)
    double = rng.random(n_records) < 0.05
    alleles[double] += (alleles[double] == 1) & (rng.random((int(double.sum()), alleles.shape[1])) < 0.4)
    alleles[:, :N_PANEL][rng.random(n_records) < 0.1] = 0
    pos = np.cumsum(rng.integers(1, 2000, n_records)) + 1000
    cm = np.sort(rng.uniform(0, span_cm, n_records))
    observed = np.full((n_records, N_TARGETS), -1, np.int8)
    typed = np.arange(n_records) % typed_every == 0 if typed_every else np.zeros(n_records, bool)
    observed[typed] = alleles[typed, N_PANEL:]
    observed[rng.random(observed.shape) < 0.02] = -1
    alts = [("C", "G") if two else ("C",) for two in double]
    blocks = []
    for start in range(0, n_records, block):
        part = slice(start, start + block)
        sites = Sites("1", pos[part], ["A"] * len(pos[part]), alts[part], ["."] * len(pos[part]))
        panel = np.ascontiguousarray(alleles[part, :N_PANEL])
        phased = np.ones((len(pos[part]), N_PANEL // 2), bool)
        target = TypedRecords(typed[part], observed[part][typed[part]])
        records = RecordBlock(sites, panel, phased)
        blocks.append(align_block(SparseBlock.from_block(records), cm[part], target))
    return blocks


@pytest.fixture(scope="module")
def spin() -> Spin:
    torch.manual_seed(5)
    network = Spin(CONFIG).eval()
    with torch.no_grad():
        network.calibration.last.weight.normal_(0, 0.1)
        network.copy.weight.normal_(0, 1.0)
    return network


@pytest.fixture(scope="module")
def engine(spin: Spin) -> Engine:
    return Engine(CompiledSpin(CONFIG, spin.arrays()), threads=2)


@pytest.fixture(scope="module")
def by_torch(spin: Spin) -> Engine:
    """As on a GPU, whose batches are filled up to their size."""
    return Engine(AcceleratedSpin(LoadedModel("m", CONFIG, spin.arrays(), ""), "cpu"), threads=2)


def test_aligned_block_holds_the_alleles() -> None:
    rng = np.random.default_rng(1)
    alleles = rng.integers(0, 3, (70, N_PANEL)).astype(np.int8)
    sites = Sites("1", np.arange(1, 71), ["A"] * 70, [("C", "G")] * 70, ["."] * 70)
    typed = TypedRecords(np.arange(70) % 2 == 0, alleles[::2, :2])
    records = RecordBlock(sites, alleles, np.ones((70, 30), bool))
    block = align_block(SparseBlock.from_block(records), np.arange(70.0), typed)
    marks = block.marks.dense()
    carries = marks ^ block.variants.flip[:, None]
    for v, (record, allele) in enumerate(zip(block.variants.record, block.variants.allele, strict=True)):
        np.testing.assert_array_equal(carries[v], alleles[record] == allele)
    odds = (marks.sum(axis=1) + 0.5) / (N_PANEL - marks.sum(axis=1) + 0.5)
    np.testing.assert_allclose(block.variants.log_odds, np.log(odds), rtol=1e-6)
    seen = block.variants.record % 2 == 0
    typed_panel = np.unpackbits(block.typed_bits, axis=1, count=N_PANEL, bitorder="little")
    np.testing.assert_array_equal(typed_panel, carries[seen])
    np.testing.assert_array_equal(block.typed_target, carries[seen][:, :2])


def assert_typed_variants_of_cores(windows: list[Window], blocks: list[PanelBlock]) -> None:
    """Each typed variant is in one core, where its map position and the target's alleles are found."""
    done, found = 0, []
    for window in windows:
        rows = slice(window.core_typed, window.core_typed + len(window.core_variant))
        np.testing.assert_array_equal(window.flanked.cm[rows], window.core.cm[window.core_variant])
        record = window.core.record[window.core_variant]
        observed = window.target.dense()[record]
        carries = observed == window.core.allele[window.core_variant, None]
        expected = np.where(observed < 0, -1, carries)
        np.testing.assert_array_equal(window.flanked.target[rows], expected)
        found += (window.core_variant + done).tolist()
        done += len(window.core.cm)
    starts = np.cumsum([0, *(len(block.variants.cm) for block in blocks)])
    every = [block.typed_variant + start for block, start in zip(blocks, starts[:-1], strict=True)]
    assert found == np.concatenate(every).tolist()


@pytest.mark.parametrize(
    ("core_cm", "most"), [(0.7, 700), (3.0, 700), (50.0, 700), (3.0, 90), (0.3, 20), (3.0, 1)]
)
def test_cores_tile_the_chromosome(core_cm: float, most: int) -> None:
    blocks = make_blocks(2)
    windows = list(cut_windows(iter(blocks), core_cm, 1.0, most))
    np.testing.assert_array_equal(
        np.concatenate([w.sites.pos for w in windows]), np.concatenate([b.sites.pos for b in blocks])
    )
    np.testing.assert_array_equal(
        np.concatenate([w.target.dense() for w in windows]),
        np.concatenate([b.target.dense() for b in blocks]),
    )
    assert_typed_variants_of_cores(windows, blocks)

    typed_cm = np.concatenate([b.typed_cm for b in blocks])
    marks = np.concatenate([b.marks.dense() for b in blocks])
    np.testing.assert_array_equal(np.concatenate([w.marks.dense(len(w.core.cm)) for w in windows]), marks)
    np.testing.assert_array_equal(
        np.concatenate([w.core.log_odds for w in windows]),
        np.concatenate([b.variants.log_odds for b in blocks]),
    )
    for window in windows:
        assert len(window.core.cm) <= max(most, 2)  # a record has one ALT or two
        assert window.core.cm[-1] - window.core.cm[0] <= core_cm
        low, high = np.searchsorted(typed_cm, [window.core.cm[0] - 0.99, window.core.cm[-1] + 0.99])
        assert window.first_typed <= low
        assert high <= window.first_typed + len(window.flanked.cm)
        n = len(window.flanked.cm)
        np.testing.assert_array_equal(
            window.flanked.cm, typed_cm[window.first_typed : window.first_typed + n]
        )
        assert (np.diff(window.core.cm) >= 0).all()
        assert len(window.core.record) == window.sites.n_variants


@pytest.mark.parametrize(("core_cm", "most"), [(1.3, 700), (0.1, 700), (3.0, 60), (50.0, 700)])
@pytest.mark.parametrize("n", [1, 2])
def test_windows_are_the_same_from_their_place_on(core_cm: float, most: int, n: int) -> None:
    """From the records between the place's first and last position alone, however they come in blocks."""
    blocks = make_blocks(4, span_cm=30.0)
    whole = list(cut_windows(iter(blocks), core_cm, 1.0, most))
    for k in range(len(whole) - n + 1):
        expected = whole[k : k + n]
        place = expected[0].place
        part = [
            _between(block, place.first, expected[-1].place.last) for block in make_blocks(4, 700, 90, 30.0)
        ]
        found = list(islice(cut_windows(iter(part), core_cm, 1.0, most, place), n))
        assert len(found) == n
        for one, other in zip(found, expected, strict=True):
            assert one.first_typed == other.first_typed
            assert one.sites.pos.tolist() == other.sites.pos.tolist()
            np.testing.assert_array_equal(one.flanked.cm, other.flanked.cm)
            np.testing.assert_array_equal(one.flanked.bits, other.flanked.bits)
            np.testing.assert_array_equal(one.core.cm, other.core.cm)


def _between(block: PanelBlock, first: int, last: int) -> PanelBlock:
    """The records of a block from one position to another."""
    begin, end = np.searchsorted(block.sites.pos, [first, last + 1])
    low, high = np.searchsorted(block.variants.record, [begin, end])
    record = block.variants.record
    typed = block.target.typed[record] & (block.marks.count > 0)
    rows = slice(int(typed[:low].sum()), int(typed[:high].sum()))
    return PanelBlock(
        block.sites.take(slice(begin, end)),
        block.cm[begin:end],
        block.variants.part(low, high, int(begin)),
        block.marks.part(int(low), int(high)),
        block.target.take(slice(begin, end)),
        block.typed_cm[rows],
        block.typed_bits[rows],
        block.typed_target[rows],
        block.typed_variant[rows] - low,
    )


def _one_window(blocks: list[PanelBlock]) -> Window:
    (window,) = cut_windows(iter(blocks), 1e6, 2.0, 1 << 20)
    return window


def test_anchors_are_at_the_chromosome_s_same_gaps_in_every_window() -> None:
    """Every 4th gap, and every 2nd where typed variants are .02 cM apart instead of .005."""
    cm = np.cumsum(np.where(np.arange(200) < 100, 0.005, 0.02))
    whole = anchor_gaps(cm, 0)
    np.testing.assert_array_equal(whole[whole <= 96], np.arange(0, 97, 4))
    np.testing.assert_array_equal(whole[whole >= 100], np.arange(100, 201, 2))
    for passed in (3, 57, 98):
        found = anchor_gaps(cm[passed:150], passed) + passed
        inner = whole[(whole > passed + 4) & (whole < 146)]
        np.testing.assert_array_equal(found[(found > passed + 4) & (found < 146)], inner)
        assert (found[0], found[-1]) == (passed, 150)


def test_contexts_are_larger_where_anchors_are_far_apart() -> None:
    near, far = 0.01 * np.arange(9), 0.02 * np.arange(9)
    assert [context_size(24, cm, 1000) for cm in (near, far)] == [24, SPARSE_CONTEXT]
    assert [context_size(64, cm, 1000) for cm in (near, far)] == [64, 64]
    assert [context_size(24, cm, 20) for cm in (near, far)] == [20, 20]


def test_copying_equals_the_network_s_own_sums(engine: Engine) -> None:
    window = _one_window(make_blocks(3))
    anchors = choose_anchors(window, 2)
    orders = order_panel(window.flanked, anchors)
    context = retrieve(window.flanked, anchors, orders, slice(0, 4), CONFIG.context)
    rng = np.random.default_rng(6)
    raw = torch.from_numpy(rng.normal(0, 2, (*context.haplotype.shape, 4)).astype(np.float32))
    weights = torch.softmax(raw, dim=2)
    spread = entropy(weights)
    task = task_features(window.flanked, anchors)
    concordance = rng.random((len(window.core.cm), N_FEATURES), np.float32)
    segments = cut_segments(window.core.cm, window.core.log_odds, anchors.cm, task, concordance)
    bits = window.marks.dense(len(window.core.cm))
    chains = run_chains(
        window.flanked, lay_track(window.flanked, anchors, window.first_typed), context, slice(0, 4)
    )
    dose = _state_doses(chains, bits, anchors.cm, window.core.cm)
    found = copy_alleles(window.marks, segments, weights.numpy(), spread.numpy(), chains)
    np.testing.assert_allclose(found.chain, dose[found.target, found.variant], atol=1e-5)
    np.testing.assert_array_equal(found.query[:, 4:], concordance[found.variant])
    seen = set(zip(found.target.tolist(), found.variant.tolist(), strict=True))
    for j in range(len(segments.left)):
        a, b = int(segments.left[j]), int(segments.right[j])
        here = np.arange(segments.start[j], segments.start[j + 1])
        for t in range(4):
            left, right = (bits[here][:, context.haplotype[t, i]] for i in (a, b))
            carried = here[(left | right).any(axis=1) | (dose[t, here] > LEAST_DOSE).any(axis=1)]
            assert {(t, int(v)) for v in carried} == {(t, int(v)) for v in here} & seen
    blended = _blend(window, anchors.cm, context.haplotype, weights, bits, found.target, found.variant)
    np.testing.assert_allclose(found.frequency, blended, atol=1e-5)


def _state_doses(
    chains: Chains, bits: NDArray[np.uint8], anchor_cm: NDArray[np.float64], cm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Doses (T, V, P) of the states' alleles, of bits (V, N), block by block of anchors."""
    dose = np.zeros((len(chains.states), len(cm), CONFIG.posteriors))
    edges = chains.blocks.edges.tolist()
    for t, (pools, probability, _) in enumerate(chains.states):
        for b, (first, last) in enumerate(pairwise(edges)):
            low, high = anchor_cm[first] if b else -np.inf, anchor_cm[last] if last < edges[-1] else np.inf
            here = np.flatnonzero((cm >= low) & (cm < high))
            pool = pools.haplotype[pools.start[b] : pools.start[b + 1]]
            for p in range(CONFIG.posteriors):
                copied = bits[here][:, pool] @ probability[p, first + b : last + b + 1, : len(pool)].T
                at = anchor_cm[first : last + 1]
                dose[t, here, p] = [np.interp(cm[v], at, row) for v, row in zip(here, copied, strict=True)]
    return dose


def _blend(
    window: Window,
    anchor_cm: NDArray[np.float64],
    context: NDArray[np.int32],
    weights: torch.Tensor,
    bits: NDArray[np.uint8],
    targets: NDArray[np.int32],
    variants: NDArray[np.int32],
) -> NDArray[np.float32]:
    rows = []
    for t, v in zip(targets.tolist(), variants.tolist(), strict=True):
        b = int(np.searchsorted(anchor_cm, window.core.cm[v], side="right"))
        a, b = max(b - 1, 0), min(b, len(anchor_cm) - 1)
        span = anchor_cm[b] - anchor_cm[a]
        share = (window.core.cm[v] - anchor_cm[a]) / span if span > 0 else 0.5
        sides = [
            copied_frequency(weights[t, i], torch.from_numpy(bits[v, context[t, i]][None])) for i in (a, b)
        ]
        rows.append(((1 - share) * sides[0] + share * sides[1])[0].numpy())
    return np.array(rows, np.float32)


def _doses(engine: Engine, window: Window) -> NDArray[np.float32]:
    """All ALT doses (V, T) of a window; pieces of few records, so that a window has several."""
    return np.concatenate([block.dosages for block in engine.impute(window).blocks(100)])


def test_observed_alleles_come_back(engine: Engine) -> None:
    window = _one_window(make_blocks(7))
    dose = _doses(engine, window)
    assert dose.shape == (window.sites.n_variants, N_TARGETS)
    observed = window.target.dense()[window.core.record]
    seen = observed >= 0
    np.testing.assert_array_equal(dose[seen], (observed == window.core.allele[:, None])[seen])
    assert ((dose >= 0) & (dose <= 1)).all()


def test_threads_do_not_matter(engine: Engine) -> None:
    window = _one_window(make_blocks(8))
    alone = Engine(engine.network, threads=1)
    np.testing.assert_array_equal(_doses(alone, window), _doses(engine, window))


def _people(blocks: list[PanelBlock], people: slice) -> list[PanelBlock]:
    """The blocks with some of the target's people only."""
    columns = slice(2 * people.start, 2 * people.stop)
    return [
        replace(
            block,
            target=replace(block.target, observed=block.target.observed[:, columns]),
            typed_target=np.ascontiguousarray(block.typed_target[:, columns]),
        )
        for block in blocks
    ]


def test_torch_gives_the_same_doses(engine: Engine, by_torch: Engine) -> None:
    window = _one_window(make_blocks(8))
    np.testing.assert_allclose(_doses(by_torch, window), _doses(engine, window), atol=2e-4)


@pytest.mark.parametrize("name", ["engine", "by_torch"])
def test_a_person_s_doses_are_the_same_alone(name: str, request: pytest.FixtureRequest) -> None:
    engine = request.getfixturevalue(name)
    blocks = make_blocks(8)
    expected = _doses(engine, _one_window(blocks))
    for person in range(N_TARGETS // 2):
        alone = _doses(engine, _one_window(_people(blocks, slice(person, person + 1))))
        np.testing.assert_array_equal(alone, expected[:, 2 * person : 2 * person + 2])


@pytest.mark.parametrize(("core_cm", "most"), [(1.3, 1500), (12.0, 170)])
def test_windows_hardly_change_a_dosage(engine: Engine, core_cm: float, most: int) -> None:
    """With flanks of 2 cM no dosage may move by more than 0.1 for the place of a window's edge, and 99 % by
    0.003: the chains choose among the contexts of the window.
    """
    blocks = make_blocks(9, n_records=1500)
    whole = _doses(engine, _one_window(blocks))
    windows = list(cut_windows(iter(blocks), core_cm, 2.0, most))
    assert len(windows) >= 9
    cut = np.concatenate([_doses(engine, w) for w in windows])
    moved = np.abs(whole - cut)
    assert moved.max() < 0.1
    assert np.quantile(moved, 0.99) < 3e-3


def test_without_a_typed_variant_the_panel_frequency_is_the_dose(engine: Engine) -> None:
    blocks = make_blocks(10, typed_every=0)
    window = _one_window(blocks)
    dose = _doses(engine, window)
    bits = window.marks.dense(len(window.core.cm))
    frequency = (bits ^ window.core.flip[:, None]).mean(axis=1)
    np.testing.assert_allclose(dose, np.repeat(frequency[:, None], N_TARGETS, axis=1), atol=0.02)


def test_an_allele_nobody_carries_is_nearly_absent(engine: Engine) -> None:
    window = _one_window(make_blocks(11))
    nobody = ~window.marks.dense(len(window.core.cm)).any(axis=1) & (
        window.target.dense()[window.core.record] < 0
    ).all(axis=1)
    assert nobody.any()
    flipped = window.core.flip[nobody, None]
    expected = np.where(flipped, 1 - ABSENT, ABSENT).repeat(N_TARGETS, axis=1)
    np.testing.assert_allclose(_doses(engine, window)[nobody], expected, atol=0.51 / DOSE_TICKS)
