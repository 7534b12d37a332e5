"""How far a panel's own haplotypes agree with their relatives, allele by allele: what typed variants tell of
an allele, before any target is looked at.

At every anchor some haplotypes of the panel are asked for those next to them in both orders, and for the one
that matches them best, as a target would be. How often these have their alleles tells how well an allele can
be imputed, and how noisy it is; the network is told for every variant near the anchor (benchmarks/ablation).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.marks import HaplotypeMarks, list_carried
from spinimpute.retrieval import Anchors, PanelOrders, measure_match, run_score
from spinimpute.typed import TypedWindow

# Haplotypes asked, evenly spread over the panel; more tell hardly more.
ASKED = 512
# On either side of a haplotype in either order: candidates for its best match, of which the first are its
# neighbours.
EACH_SIDE = 2
N_NEIGHBOURS = 4
N_FEATURES = 10
# Variants measured together, as what comes between takes some hundred bytes for each.
_TOGETHER = 1 << 14
# A variant's table: carried or not by the haplotype asked, by its best match, and by how many neighbours.
_CELLS = (2, 2, N_NEIGHBOURS + 1)
_COUNTS = _CELLS[2]
_OWN, _BEST, _NEIGHBOUR = np.uint8(2 * _COUNTS), np.uint8(_COUNTS), np.uint8(1)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _look_beside(
    order: NDArray[np.int32], place: int, asked: int, relatives: NDArray[np.int32], first: int
) -> None:
    """Fill relatives from `first` on with those next to a place, nearest first on either side in turn, but
    for the other haplotype of the same person; -1 where the order ends.
    """
    for side, step in enumerate((-1, 1)):
        i = place + step
        for e in range(EACH_SIDE):
            while 0 <= i < order.shape[0] and order[i] >> 1 == asked >> 1:
                i += step
            relatives[first + 2 * e + side] = order[i] if 0 <= i < order.shape[0] else -1
            i += step


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _best_match(
    panel: NDArray[np.uint64],
    observed: NDArray[np.uint64],
    cm: NDArray[np.float64],
    gap: int,
    anchor_cm: float,
    low: int,
    high: int,
    asked: int,
    relatives: NDArray[np.int32],
) -> int:
    """Return the relative that matches best around an anchor, or -1."""
    best, most = -1, np.float32(-np.inf)
    for n in relatives:
        if n >= 0:
            runs = measure_match(panel[n], panel[asked], observed, cm, gap, anchor_cm, low, high)
            score = run_score(*runs)
            if score > most:
                best, most = n, score
    return best


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _add_carried(
    marks: HaplotypeMarks,
    haplotype: int,
    kind: np.uint8,
    bounds: NDArray[np.int64],
    common: NDArray[np.int64],
    reached: NDArray[np.int64],
    carried: NDArray[np.int32],
    cell: NDArray[np.uint8],
    touched: NDArray[np.int32],
    n: int,
) -> int:
    """Add kind to the cell (V,) of what a haplotype carries within bounds (2,), given among all and among
    common variants; append to touched (V,) those whose cell was 0 and return how many there are. carried (V,)
    is room.
    """
    reached[haplotype], m = list_carried(marks, haplotype, reached[haplotype], bounds, common, carried)
    for v in carried[:m]:
        touched[n] = v
        n += cell[v] == 0
        cell[v] += kind
    return n


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _tabulate(
    panel: NDArray[np.uint64],
    observed: NDArray[np.uint64],
    cm: NDArray[np.float64],
    gap: NDArray[np.int64],
    anchor_cm: NDArray[np.float64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    left_order: NDArray[np.int32],
    right_order: NDArray[np.int32],
    marks: HaplotypeMarks,
    asked: NDArray[np.int32],
    start: NDArray[np.int64],
    common: NDArray[np.int64],
    table: NDArray[np.int16],
) -> None:
    """Count for each variant the haplotypes asked (U,) by who carries it: table (V, cells) but for its first
    cell, nobody. The variants of anchor a are those from start[a] to start[a + 1].
    """
    left_place, right_place = np.empty(panel.shape[0], np.int32), np.empty(panel.shape[0], np.int32)
    relatives = np.empty(4 * EACH_SIDE, np.int32)
    cell, touched = np.zeros(table.shape[0], np.uint8), np.empty(table.shape[0] + 1, np.int32)
    carried, reached = np.empty(table.shape[0], np.int32), marks.starts.copy()
    for a in range(gap.shape[0]):
        if start[a] == start[a + 1]:
            continue
        for i in range(panel.shape[0]):
            left_place[left_order[a, i]] = i
            right_place[right_order[a, i]] = i
        bounds, among = start[a : a + 2], common[a : a + 2]
        for h in asked:
            _look_beside(left_order[a], left_place[h], h, relatives, 0)
            _look_beside(right_order[a], right_place[h], h, relatives, 2 * EACH_SIDE)
            n = _add_carried(marks, h, _OWN, bounds, among, reached, carried, cell, touched, 0)
            best = _best_match(panel, observed, cm, gap[a], anchor_cm[a], low[a], high[a], h, relatives)
            if best >= 0:
                n = _add_carried(marks, best, _BEST, bounds, among, reached, carried, cell, touched, n)
            for i in (0, 1, 2 * EACH_SIDE, 2 * EACH_SIDE + 1):
                if relatives[i] >= 0:
                    n = _add_carried(
                        marks, relatives[i], _NEIGHBOUR, bounds, among, reached, carried, cell, touched, n
                    )
            for v in touched[:n]:
                table[v, cell[v]] += 1
                cell[v] = 0


def choose_asked(haplotypes: int) -> NDArray[np.int32]:
    """Return at most ASKED haplotypes (U,) of so many, whole people, evenly spread."""
    people = np.arange(-(-haplotypes // 2))
    chosen = people[:: max(1, -(-len(people) // (ASKED // 2)))]
    both = np.stack([2 * chosen, 2 * chosen + 1], axis=1).ravel()
    return both[both < haplotypes].astype(np.int32)


def count_carriers(
    window: TypedWindow,
    anchors: Anchors,
    orders: PanelOrders,
    marks: HaplotypeMarks,
    cm: NDArray[np.float64],
    threads: int = 1,
) -> NDArray[np.int16]:
    """Return (V, 2, 2, N_NEIGHBOURS + 1): for each variant of marks, at map positions cm (V,), how many of
    the haplotypes asked at the nearest anchor carry it or not, by their best match and by their neighbours.
    """
    asked = choose_asked(window.haplotypes)
    start = np.searchsorted(cm, (anchors.cm[1:] + anchors.cm[:-1]) / 2)
    start = np.concatenate([[0], start, [len(cm)]]).astype(np.int64)
    table = np.zeros((len(cm), int(np.prod(_CELLS))), np.int16)
    observed = np.full(window.panel_words.shape[1], ~np.uint64(0))
    common = np.searchsorted(marks.common, start)

    def work(part: slice) -> None:
        bounds = slice(part.start, part.stop + 1)
        _tabulate(
            window.panel_words, observed, window.cm,
            anchors.gap[part], anchors.cm[part], anchors.low[part], anchors.high[part],
            orders.left.order[part], orders.right.order[part],
            marks, asked, start[bounds], common[bounds], table,
        )  # fmt: skip

    edges = np.linspace(0, len(anchors), threads + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, map(slice, edges[:-1], edges[1:])))
    table[:, 0] = len(asked) - table.sum(axis=1)
    return table.reshape(-1, *_CELLS)


def measure_concordance(table: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return (V, N_FEATURES) of tables as `count_carriers` counts them: `_agreement` of neighbours, then of
    the best match.
    """
    measures = np.empty((len(table), N_FEATURES), np.float32)
    for v in range(0, len(table), _TOGETHER):
        measures[v : v + _TOGETHER] = _measure(table[v : v + _TOGETHER])
    return measures


def _measure(table: NDArray[np.int16]) -> NDArray[np.float64]:
    by_neighbours, by_best = table.sum(axis=2), table.sum(axis=3)
    columns = [
        *_agreement(by_neighbours[:, 0], by_neighbours[:, 1]),
        *_agreement(by_best[:, 0], by_best[:, 1]),
    ]
    return np.stack(columns, axis=1)


def _agreement(lack: NDArray[np.int64], carry: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    """What relatives tell of an allele, given how many haplotypes lack and carry it (V, X) by how many of
    their X - 1 relatives carry it.

    log of 1 - r2 of carrying it and the share of relatives; log shares of carriers with fewer than half of
    them, and of others with more; the mean share, of carriers and, as a logarithm, of others.
    """
    share = np.linspace(0, 1, lack.shape[1])
    n_lack, n_carry = lack.sum(axis=1), carry.sum(axis=1)
    few, many = carry[:, share < 0.5].sum(axis=1), lack[:, share > 0.5].sum(axis=1)
    return [
        _log_unexplained(lack, carry, share),
        np.log((few + 0.5) / (n_carry + 1)),
        np.log((many + 0.5) / (n_lack + 1)),
        carry @ share / np.maximum(n_carry, 1),
        np.log(lack @ share / np.maximum(n_lack, 1) + 1e-3),
    ]


def _log_unexplained(
    lack: NDArray[np.int64], carry: NDArray[np.int64], value: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (V,) log of 1 - r2 of carrying an allele and a value (X,), from how many lack and carry it
    (V, X) at each.
    """
    both = lack + carry
    n = both.sum(axis=1)
    p, mean = carry.sum(axis=1) / n, both @ value / n
    covariance = carry @ value / n - p * mean
    variance = (both @ value**2 / n - mean**2) * p * (1 - p)
    r2 = np.divide(covariance**2, variance, out=np.zeros(len(n)), where=variance > 0)
    return np.asarray(np.log1p(1e-3 - np.minimum(r2, 1.0)))
