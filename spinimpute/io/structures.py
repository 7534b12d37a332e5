"""Dataclasses as plain JSON values, and back by their type hints; arrays travel beside them as bytes.

Nothing in a file names a type or is executed: the reader says what it expects.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray


def to_plain(value: Any, arrays: list[NDArray[Any]] | None = None) -> Any:
    """The JSON value of a tree of dataclasses, containers, paths and enums; its arrays are appended to
    arrays.
    """
    if isinstance(value, np.ndarray):
        if arrays is None:
            raise TypeError("arrays have no place in plain JSON")
        arrays.append(value)
        return {"dtype": value.dtype.str, "shape": list(value.shape)}
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name), arrays) for field in fields(value)}
    if isinstance(value, dict):
        return {key: to_plain(each, arrays) for key, each in value.items()}
    if isinstance(value, list | tuple):
        if all(type(each) is str for each in value):
            return list(value)
        return [to_plain(each, arrays) for each in value]
    if isinstance(value, Path | Enum):
        return str(value) if isinstance(value, Path) else value.value
    return value


def from_plain(kind: Any, plain: Any, arrays: Iterator[bytes] | None = None) -> Any:
    """The value of a kind that `to_plain` turned into a JSON value, with the bytes of its arrays in order;
    ValueError, KeyError or TypeError if it is none.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin is np.ndarray:
        if arrays is None:
            raise TypeError("arrays have no place in plain JSON")
        return np.frombuffer(next(arrays), np.dtype(plain["dtype"])).reshape(plain["shape"])
    if origin in (Union, types.UnionType):
        if plain is None:
            return None
        return from_plain(next(each for each in inner if each is not type(None)), plain, arrays)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        if set(plain) != set(hints):
            raise ValueError(f"{kind.__name__} has other fields")
        return kind(**{name: from_plain(hint, plain[name], arrays) for name, hint in hints.items()})
    if origin is dict:
        return {key: from_plain(inner[1], each, arrays) for key, each in plain.items()}
    if origin in (list, tuple):
        return origin(from_plain(inner[0], each, arrays) for each in plain)
    if isinstance(kind, type) and issubclass(kind, Path | Enum):
        return kind(plain)
    if kind is float and type(plain) is int:
        return float(plain)
    if type(plain) is not kind:
        raise TypeError(f"expected {kind.__name__}")
    return plain
