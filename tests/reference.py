"""Slow, plain implementations that the fast ones are compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import cyvcf2
import numpy as np
import torch
from numpy.typing import NDArray

from spinimpute.spin.model import Spin


def prefix_sorted(panel: NDArray[np.uint8], gap: int) -> list[int]:
    """Haplotypes by their reversed prefix before a gap, ties by index."""
    return sorted(range(panel.shape[1]), key=lambda n: (list(panel[:gap, n][::-1]), n))


def mismatches(panel: NDArray[np.uint8], target: NDArray[np.int8]) -> list[int]:
    """Typed variants at which a panel haplotype (M,) differs from an observed target allele (M,)."""
    return [m for m in range(len(panel)) if target[m] >= 0 and panel[m] != target[m]]


def run_score(
    panel: NDArray[np.uint8],
    target: NDArray[np.int8],
    cm: NDArray[np.float64],
    gap: int,
    at: float,
    reach: float,
) -> float:
    """The retrieval score of design section 3.1 for one panel haplotype (M,) at one anchor."""
    near = [m for m in range(len(cm)) if abs(cm[m] - at) <= reach]
    low, high = min([*near, gap]), max([*[m + 1 for m in near], gap])
    wrong = [m for m in mismatches(panel, target) if low <= m < high]
    left = max([m for m in wrong if m < gap], default=low - 1)
    right = min([m for m in wrong if m >= gap], default=high)
    left_cm = at - cm[max(left, low)] if gap > low else 0.0
    right_cm = cm[min(right, high - 1)] - at if high > gap else 0.0
    score = math.log(left_cm + 0.002) + math.log(right_cm + 0.002) + 0.5 * math.log(1 + right - left - 1)
    one_sided = left == gap - 1 or right == gap
    return score + 2 * (left_cm + right_cm) - (1 if one_sided else 0)


def _linear(layer: torch.nn.Linear, x: list[float]) -> list[float]:
    weight, bias = layer.weight.tolist(), layer.bias.tolist()
    return [sum(w * v for w, v in zip(row, x, strict=True)) + b for row, b in zip(weight, bias, strict=True)]


def _silu(x: list[float]) -> list[float]:
    return [v / (1 + math.exp(-v)) for v in x]


def _softmax(x: list[float]) -> list[float]:
    top = max(x)
    powers = [math.exp(v - top) for v in x]
    return [p / sum(powers) for p in powers]


def _norm(layer: torch.nn.LayerNorm, x: list[float]) -> list[float]:
    mean = sum(x) / len(x)
    variance = sum((v - mean) ** 2 for v in x) / len(x)
    scaled = [(v - mean) / math.sqrt(variance + layer.eps) for v in x]
    return [s * w + b for s, w, b in zip(scaled, layer.weight.tolist(), layer.bias.tolist(), strict=True)]


def _attributes(spin: Spin, measures: list[list[float]]) -> list[list[float]]:
    runs, counts = spin.config.runs, spin.config.counts
    floor = [0.002] * 4 + [1.0] * (runs - 6) + [0.002] * 2 + [1.0] * counts + [1e-3] * spin.config.posteriors
    logs = [[math.log(v + f) for v, f in zip(row, floor, strict=True)] for row in measures]
    columns = list(zip(*logs, strict=True))
    best = [min(c) if runs <= d < runs + counts else max(c) for d, c in enumerate(columns)]
    return [row + [v - b for v, b in zip(row, best, strict=True)] for row in logs]


def _xaba(spin: Spin, match: list[float], sites: list[list[float]]) -> list[float]:
    keys = [_linear(spin.xaba.key[2], _silu(_linear(spin.xaba.key[0], site))) for site in sites]
    latents = []
    for f in range(spin.config.latents):
        attention = _softmax([keys[s][f] + math.log(sites[s][-1] + 1e-9) for s in range(len(sites))])
        latents.append(sum(attention[s] * sites[s][-1] * match[s] for s in range(len(sites))))
    return latents


def copying_weights(
    spin: Spin,
    measures: torch.Tensor,
    match: torch.Tensor,
    sites: torch.Tensor,
    task: torch.Tensor,
    previous: torch.Tensor,
    following: torch.Tensor,
) -> torch.Tensor:
    """The network with a loop for every axis but the numbers of one linear layer: weights (B, A, K, H)."""
    return torch.tensor(
        [
            _target(
                spin,
                measures[b].tolist(),
                match[b].tolist(),
                sites[b].tolist(),
                task[b].tolist(),
                previous[b].tolist(),
                following[b].tolist(),
            )
            for b in range(len(measures))
        ],
        dtype=measures.dtype,
    )


def _target(spin: Spin, measures, match, sites, task, previous, following):  # type: ignore[no-untyped-def]
    n_anchors, n_context = len(measures), len(measures[0])
    latent = []
    for a in range(n_anchors):
        attributes = _attributes(spin, measures[a])
        about = [sum(w * v for w, v in zip(row, task[a], strict=True)) for row in spin.task.weight.tolist()]
        row = []
        for k in range(n_context):
            embedded = _linear(spin.embed, attributes[k] + _xaba(spin, match[a][k], sites[a]))
            mixed = [e + t for e, t in zip(embedded, about, strict=True)]
            row.append(_linear(spin.latent, _silu(mixed)))
        latent.append(row)
    for layer in spin.layers:
        latent = [_xabd(layer.xabd, tokens) for tokens in latent]
        latent = _chain(layer.chain, latent, previous, following)
        latent = [[_abla(layer.abla, x) for x in tokens] for tokens in latent]
    weights = []
    for tokens in latent:
        scores = [_linear(spin.copy, _norm(spin.norm, x)) for x in tokens]
        heads = [_softmax([row[h] for row in scores]) for h in range(spin.config.heads)]
        weights.append([[heads[h][k] for h in range(spin.config.heads)] for k in range(n_context)])
    return weights


def _xabd(block, tokens):  # type: ignore[no-untyped-def]
    scores = [_linear(block.score, x) for x in tokens]
    points: list[float] = []
    for i in range(block.score.out_features):
        attention = _softmax([row[i] for row in scores])
        points += [
            sum(p * x[e] for p, x in zip(attention, tokens, strict=True)) for e in range(len(tokens[0]))
        ]
    back = _linear(block.back, points)
    return [[v + b for v, b in zip(x, back, strict=True)] for x in tokens]


def _chain(block, latent, previous, following):  # type: ignore[no-untyped-def]
    told = [[_linear(block.tell, x) for x in tokens] for tokens in latent]
    absent = block.absent.tolist()
    out = []
    for a, tokens in enumerate(latent):
        row = []
        for k, x in enumerate(tokens):
            before = told[a - 1][previous[a][k]] if previous[a][k] >= 0 else absent[0]
            after = told[a + 1][following[a][k]] if following[a][k] >= 0 else absent[1]
            row.append([v + h for v, h in zip(x, _linear(block.hear, before + after), strict=True)])
        out.append(row)
    return out


def _abla(block, x):  # type: ignore[no-untyped-def]
    mixed = _linear(block.narrow, _silu(_linear(block.widen, _norm(block.norm, x))))
    return [v + m for v, m in zip(x, mixed, strict=True)]


def query_logit(
    spin: Spin,
    weights_left: list[list[float]],
    weights_right: list[list[float]],
    left: list[int],
    right: list[int],
    share: float,
    chain: list[float],
    query: list[float],
) -> float:
    """One query's logit by loops: copied frequency of each head, blended, and the chains' doses, then the
    calibrated head.
    """
    n_heads = spin.config.heads
    frequency, spread = [], []
    for h in range(n_heads):
        low = sum(w[h] for w, carries in zip(weights_left, left, strict=True) if carries)
        high = sum(w[h] for w, carries in zip(weights_right, right, strict=True) if carries)
        frequency.append((1 - share) * low + share * high)
        entropies = [
            -sum(w[h] * math.log(w[h]) for w in side if w[h] > 0) for side in (weights_left, weights_right)
        ]
        spread.append((1 - share) * entropies[0] + share * entropies[1])
    head = spin.calibration
    frequency = [min(max(p, 1e-5), 1 - 1e-5) for p in frequency + chain]
    logits = [math.log(p / (1 - p)) for p in frequency]
    features = [*logits, *spread, max(logits) - min(logits), *query]
    hidden = _silu(_linear(head.second, _silu(_linear(head.first, features))))
    mixed = sum(m * p for m, p in zip(_softmax(head.mixture.tolist()), frequency, strict=True))
    return math.log(mixed / (1 - mixed)) + _linear(head.last, hidden)[0]


def _paths(
    states: NDArray[np.uint8], haplotype: NDArray[np.int8], jump: NDArray[np.float32], odds: float
) -> list[tuple[tuple[int, ...], float]]:
    """All paths of a Li-Stephens chain over states (M, K), each with its likelihood up to a factor."""
    n_typed, n = states.shape
    weighed = []
    for path in product(range(n), repeat=n_typed):
        weight = 1.0
        for m in range(n_typed):
            if m:
                weight *= (1 - float(jump[m])) * (path[m] == path[m - 1]) + float(jump[m]) / n
            if haplotype[m] >= 0 and states[m, path[m]] != haplotype[m]:
                weight *= float(odds)
        weighed.append((path, weight))
    return weighed


def chain(
    states: NDArray[np.uint8], haplotype: NDArray[np.int8], jump: NDArray[np.float32], odds: float
) -> float:
    """The likelihood of a haplotype (M,), -1 missing, up to a factor."""
    return sum(weight for _, weight in _paths(states, haplotype, jump, odds))


def carried(
    states: NDArray[np.uint8],
    haplotype: NDArray[np.int8],
    jump: NDArray[np.float32],
    odds: float,
    site: int,
    n_codes: int,
) -> NDArray[np.float64]:
    """The probability of each allele code in the state at a site."""
    total = np.zeros(n_codes)
    for path, weight in _paths(states, haplotype, jump, odds):
        total[states[site, path[site]]] += weight
    return total / total.sum()


class Scored(NamedTuple):
    """One variant as `scored_variants` finds it, sample by sample: dose, true count and called count."""

    key: tuple[str, int, str, str]
    frequency: float
    estimated: float | None
    genotypes: list[tuple[float, int | None, int | None]]


def scored_variants(
    truth: Path, imputed: Path, panel: Path | None = None, typed: Path | None = None
) -> list[Scored]:
    """What an evaluation scores, by dictionaries: true variants that the panel has and that were not typed.

    One that the imputed file lacks scores as twice the panel's frequency; without a panel it is left out.
    """
    true, guessed = _all_variants(truth), _all_variants(imputed)
    known = _all_variants(panel) if panel else None
    left_out = set(_all_variants(typed)) if typed else set()
    names = [name for name in cyvcf2.VCF(str(truth)).samples if name in cyvcf2.VCF(str(imputed)).samples]
    scored = []
    for key, fields in true.items():
        if key in left_out or key not in (guessed if known is None else known):
            continue
        counts = [fields["GT"][name] for name in names]
        carriers = list(known[key]["GT"].values()) if known is not None else counts
        present = [count for count in carriers if count is not None]
        frequency = sum(present) / (2 * len(present)) if present else math.nan
        found = guessed.get(key)
        doses = [found["DS"][name] for name in names] if found else [2 * frequency] * len(names)
        calls = [found["GT"][name] for name in names] if found else [round(2 * frequency)] * len(names)
        estimated = found["DR2"] if found else None
        scored.append(Scored(key, frequency, estimated, list(zip(doses, counts, calls, strict=True))))
    return scored


def pearson_r2(pairs: Sequence[tuple[float, float]]) -> float:
    """Squared correlation of pairs; nan if either side is constant."""
    x, y = np.array(pairs, float).reshape(-1, 2).T
    if len(x) == 0 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1] ** 2)


def _all_variants(path: Path) -> dict[tuple[str, int, str, str], dict[str, Any]]:
    """GT (count or None) and DS by sample, and DR2, of each ALT of a file; the first of equal ones."""
    file = cyvcf2.VCF(str(path))
    found: dict[tuple[str, int, str, str], dict[str, Any]] = {}
    for record in file:
        doses = record.format("DS") if "DS" in record.FORMAT else None
        dr2 = record.INFO.get("DR2")
        for i, alt in enumerate(record.ALT):
            calls = {}
            for name, (*alleles, _) in zip(file.samples, record.genotypes, strict=True):
                calls[name] = None if min(alleles) < 0 else alleles.count(i + 1)
            fields = {"GT": calls, "DS": calls, "DR2": dr2[i] if isinstance(dr2, tuple) else dr2}
            if doses is not None:
                fields["DS"] = dict(zip(file.samples, doses[:, i].tolist(), strict=True))
            found.setdefault((record.CHROM, record.POS, record.REF, alt), fields)
    return found
