"""What arrays a network of a given shape consists of."""

from __future__ import annotations

from collections.abc import Iterator

from spinimpute.spin.config import SpinConfig

# Width of XABA's keys.
KEY_HIDDEN = 16
# A haplotype's latent numbers are widened by this factor in ABLA.
ABLA_EXPANSION = 2


def array_shapes(config: SpinConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array by the name that torch gives it in `model.Spin`."""
    width, measures = config.width, config.runs + config.counts + config.posteriors
    features = 2 * config.heads + config.posteriors + 1 + config.query_features
    shapes: dict[str, tuple[int, ...]] = dict(
        (
            *_linear("xaba.key.0", config.site_features, KEY_HIDDEN),
            *_linear("xaba.key.2", KEY_HIDDEN, config.latents),
            *_linear("embed", 2 * measures + config.latents, width),
            ("task.weight", (width, config.task_features)),
            *_linear("latent", width, width),
            *_norm("norm", width),
            *_linear("copy", width, config.heads),
            ("calibration.mixture", (config.heads + config.posteriors,)),
            *_linear("calibration.first", features, config.hidden),
            *_linear("calibration.second", config.hidden, config.hidden // 2),
            *_linear("calibration.last", config.hidden // 2, 1),
        )
    )
    for i in range(config.layers):
        shapes |= dict(_layer(f"layers.{i}", config))
    return shapes


def _layer(name: str, config: SpinConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, message = config.width, config.message
    yield from _linear(f"{name}.xabd.score", width, config.inducing)
    yield from _linear(f"{name}.xabd.back", config.inducing * width, width)
    yield from _linear(f"{name}.chain.tell", width, message)
    yield f"{name}.chain.absent", (2, message)
    yield from _linear(f"{name}.chain.hear", 2 * message, width)
    yield from _norm(f"{name}.abla.norm", width)
    yield from _linear(f"{name}.abla.widen", width, ABLA_EXPANSION * width)
    yield from _linear(f"{name}.abla.narrow", ABLA_EXPANSION * width, width)


def _linear(name: str, inputs: int, outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)
