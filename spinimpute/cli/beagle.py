"""Beagle's key=value command line, translated to options before those are parsed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import typer
from typer.core import TyperCommand

from spinimpute.errors import SpinImputeError

NOTES = "spinimpute.beagle"  # of Context.meta: the parameters without a meaning here


@dataclass(frozen=True)
class Kind:
    """What a parameter's value must be; holds tells whether a text is that."""

    expected: str
    holds: Callable[[str], bool]


@dataclass(frozen=True)
class Parameter:
    """One parameter of Beagle 5.4: its key is the option's name, or why says that there is no such option."""

    key: str
    kind: Kind
    why: str = ""


def _whole(text: str, least: float = -math.inf) -> bool:
    try:
        return int(text) >= least
    except ValueError:
        return False


def _number(text: str, above: float) -> bool:
    try:
        return above < float(text) < math.inf
    except ValueError:
        return False


def _region(text: str) -> bool:
    from spinimpute.io.region import Region

    try:
        return bool(Region.parse(text))
    except SpinImputeError:
        return False


FILE = Kind("the name of a file", bool)
REGION = Kind("CHROM, CHROM:START-END, CHROM:-END or CHROM:START-", _region)
SWITCH = Kind("true or false", lambda text: text.lower() in {"true", "false"})
COUNT = Kind("a whole number from 1", lambda text: _whole(text, 1))
COUNT_OR_NONE = Kind("a whole number from 0", lambda text: _whole(text, 0))
WHOLE = Kind("a whole number", _whole)
LENGTH = Kind("a number above 0", lambda text: _number(text, 0))
LENGTH_OR_NONE = Kind("a number from 0", lambda text: _number(text, -math.ulp(0)))

_PHASING = "it belongs to Beagle's phasing model"
_CHAIN = "the model attends to the panel haplotypes that match best, as many as it was trained with"
_ALL_SITES = "typed sites are not put together into clusters or steps"
_LEARNT = "the model has learnt how alleles are copied, and estimates no such parameter"

PARAMETERS = {
    parameter.key: parameter
    for parameter in (
        Parameter("ref", FILE),
        Parameter("gt", FILE),
        Parameter("out", Kind("a prefix", bool)),
        Parameter("map", FILE),
        Parameter("chrom", REGION),
        Parameter("excludesamples", FILE),
        Parameter("excludemarkers", FILE),
        Parameter("burnin", COUNT_OR_NONE, _PHASING),
        Parameter("iterations", COUNT_OR_NONE, _PHASING),
        Parameter("phase-states", COUNT, _PHASING),
        Parameter("impute", SWITCH),
        Parameter("imp-states", COUNT, _CHAIN),
        Parameter("imp-segment", LENGTH, _CHAIN),
        Parameter("imp-step", LENGTH, _CHAIN),
        Parameter("imp-nsteps", COUNT, _CHAIN),
        Parameter("cluster", LENGTH_OR_NONE, _ALL_SITES),
        Parameter("ap", SWITCH),
        Parameter("gp", SWITCH),
        Parameter("ne", LENGTH, _LEARNT),
        Parameter("err", LENGTH_OR_NONE, _LEARNT),
        Parameter("em", SWITCH, _LEARNT),
        Parameter("window", LENGTH),
        Parameter("overlap", LENGTH_OR_NONE),
        Parameter("step", LENGTH, _ALL_SITES),
        Parameter("nsteps", COUNT, _ALL_SITES),
        Parameter("seed", WHOLE),
        Parameter("nthreads", COUNT),
    )
}


@dataclass(frozen=True)
class Translation:
    """Words for the option parser, and a line for each parameter that has no meaning here."""

    words: list[str]
    notes: list[str]


class WrongParameter(typer.BadParameter):
    """Wrong usage of key=value."""

    def format_message(self) -> str:
        """The message as it is."""
        return self.message


class BeagleCommand(TyperCommand):
    """A command that also takes Beagle's parameters, mixed with options in any way."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Translate, then parse."""
        options = {name: each for each in self.params for name in (*each.opts, *each.secondary_opts)}
        translation = translate(args, options)
        ctx.meta[NOTES] = translation.notes
        return super().parse_args(ctx, translation.words)


def translate(words: Sequence[str], options: Mapping[str, Any]) -> Translation:
    """Replace key=value by options where a command has them; WrongParameter for a wrong key or value.

    options holds the command's parameters (is_flag tells those without a value) by their names with dashes.
    """
    given = {word.split("=")[0] for word in words if word.startswith("--")}
    translated: list[str] = []
    notes: list[str] = []
    for word, is_value in _roles(words, options):
        if is_value or word.startswith("-") or "=" not in word:
            translated.append(word)
            continue
        key, value = word.split("=", 1)
        parameter = _known(key, options)
        if f"--{key}" in given:
            raise WrongParameter(f"{key} is given twice; give it once")
        if not parameter.kind.holds(value):
            raise WrongParameter(f"{key}={value}: {key} must be {parameter.kind.expected}")
        given.add(f"--{key}")
        translated += _as_option(key, value, options)
        notes += _remarks(parameter, value, options)
    return Translation(translated, notes)


def _roles(words: Sequence[str], options: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield each word and whether it is the value of the option before it."""
    is_value = False
    for word in words:
        yield word, is_value
        option = None if is_value else options.get(word)
        is_value = option is not None and not getattr(option, "is_flag", False)


def _known(key: str, options: Mapping[str, Any]) -> Parameter:
    if key in PARAMETERS:
        return PARAMETERS[key]
    if f"--{key}" in options:
        raise WrongParameter(f"{key}= is no parameter of Beagle; write it as the option --{key}")
    nearest = get_close_matches(key.lower(), PARAMETERS, 1, cutoff=0)[0]
    raise WrongParameter(f"unknown parameter {key}=; the nearest one is {nearest}=")


def _as_option(key: str, value: str, options: Mapping[str, Any]) -> list[str]:
    """The words that stand for key=value, none if the command has no such option."""
    option = f"--{key}"
    if option not in options:
        return []
    if PARAMETERS[key].kind is not SWITCH:
        # Beagle's seeds may be negative, its default is.
        return [f"{option}={value.lstrip('-') if key == 'seed' else value}"]
    if value.lower() == "true":
        return [option]
    return [f"--no-{key}"] if f"--no-{key}" in options else []


def _remarks(parameter: Parameter, value: str, options: Mapping[str, Any]) -> list[str]:
    key = parameter.key
    if f"--{key}" not in options:
        return [f"{key}={value} has no meaning here: {parameter.why}"]
    if key == "seed" and value.startswith("-"):
        return [f"seed={value} is taken as {value[1:]}: seeds are 0 or more here"]
    return []
