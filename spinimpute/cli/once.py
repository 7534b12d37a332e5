"""Options given twice are refused: which of the values was meant cannot be known."""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption


class WrongUsage(typer.BadParameter):
    """Wrong usage, in a message of its own."""

    def format_message(self) -> str:
        """The message as it is."""
        return self.message


class OnceCommand(TyperCommand):
    """A command whose options can be given once each, but for those that take a list."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Parse; WrongUsage if an option with a single value has two."""
        given = Counter(
            each.opts[0]
            for each in self.make_parser(ctx).parse_args(list(args))[2]
            if isinstance(each, TyperOption) and not each.is_flag and not each.multiple
        )
        for name, times in given.items():
            if times > 1:
                raise WrongUsage(f"{name} is given {times} times; give it once", ctx)
        return super().parse_args(ctx, args)
