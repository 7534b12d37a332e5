"""The rows of the table that are trained on a window: each gives the targets' probabilities of allele 1.

Axes: N panel haplotypes, T target haplotypes, V untyped sites.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neighbors import KNeighborsRegressor

from benchmarks.table3.settings import Recipe, Setting, mlp_recipe
from benchmarks.table3.windows import Window
from spinimpute.networks.kmers import allele_probabilities, tokenise
from spinimpute.networks.spin import TableSpin
from spinimpute.networks.tables import TableNetwork
from spinimpute.networks.training import Validation, train_table
from spinimpute.spin.model import n_parameters

NEIGHBOURS = (1, 3, 5, 10, 20, 40)

Doses = NDArray[np.float32]


def predict_knn(window: Window) -> tuple[Doses, dict[str, object]]:
    """Nearest neighbours by Hamming distance; their number has the least Brier score on held-out people."""
    learn, held = ~window.held_out, window.held_out
    errors = {}
    for k in NEIGHBOURS:
        model = _neighbours(k).fit(window.panel_typed[learn], window.panel_untyped[learn])
        predicted = model.predict(window.panel_typed[held])
        errors[k] = float(((predicted - window.panel_untyped[held]) ** 2).mean())
    k = min(errors, key=errors.__getitem__)
    model = _neighbours(k).fit(window.panel_typed[learn], window.panel_untyped[learn])
    return model.predict(window.target_typed).astype(np.float32), {"neighbours": k}


def _neighbours(k: int) -> KNeighborsRegressor:
    return KNeighborsRegressor(k, metric="manhattan", algorithm="brute")


def predict_gbt(window: Window, seed: int) -> tuple[Doses, dict[str, object]]:
    """Gradient-boosted trees for each site, stopped early on a part of what they learn from."""
    learn = ~window.held_out
    typed = window.panel_typed[learn]
    columns = [_boosted(typed, site, window.target_typed, seed) for site in window.panel_untyped[learn].T]
    return np.stack(columns, axis=1), {}


def _boosted(typed: NDArray[np.int8], site: NDArray[np.int8], targets: NDArray[np.int8], seed: int) -> Doses:
    if min(site.sum(), len(site) - site.sum()) < 2:  # too few to split off a validation part
        return np.full(len(targets), site.mean(), np.float32)
    model = HistGradientBoostingClassifier(random_state=seed, early_stopping=True)
    probabilities = model.fit(typed, site).predict_proba(targets)
    return np.asarray(probabilities[:, 1], np.float32)


def predict_network(
    window: Window, recipe: Recipe, device: torch.device
) -> tuple[dict[str, Doses], TableNetwork, list[Validation]]:
    """Train a network and impute the targets from the panel, encoded once with its labels.

    For a SPIN also, as "untouched", what the released code does: no panel at test time.
    """
    table = tokenise(torch.from_numpy(np.hstack([window.panel_typed, window.panel_untyped]))).to(device)
    held_out = torch.from_numpy(window.held_out)
    targets = tokenise(torch.from_numpy(window.target_typed)).to(device)
    torch.manual_seed(recipe.training.seed)
    network = recipe.build(recipe.config).to(device)
    history = train_table(network, table[~held_out], table[held_out], recipe.training)
    network.eval()
    with torch.no_grad():
        memories = {"": network.encode(table[~held_out])}
        if isinstance(network, TableSpin):
            memories["untouched"] = network.untouched()
        doses = {
            name: allele_probabilities(network.predict(targets, memory)).cpu().numpy()
            for name, memory in memories.items()
        }
    return doses, network, history


def predict_mlp(
    window: Window, setting: Setting, seed: int, device: torch.device
) -> tuple[Doses, dict[str, object]]:
    """The best of the setting's perceptrons on held-out people."""
    best: tuple[float, Doses, dict[str, object]] | None = None
    for hidden in setting.mlp_hidden:
        doses, network, history = predict_network(window, mlp_recipe(hidden, setting, seed), device)
        loss = min(validation.loss for validation in history)
        if best is None or loss < best[0]:
            facts: dict[str, object] = {"hidden": list(hidden), "parameters": n_parameters(network)}
            best = loss, doses[""], facts | {"validation_loss": loss}
    assert best is not None
    return best[1], best[2]
