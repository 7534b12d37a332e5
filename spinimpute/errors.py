"""The one error that a user may cause and is meant to read."""

from __future__ import annotations


class SpinImputeError(ValueError):
    """A fault in input or command: its place, the rule, what was found and the remedy, on one line."""

    def __init__(self, rule: str, *, where: str = "", found: str = "", remedy: str = "") -> None:
        super().__init__(rule)
        self.rule = rule
        self.where = where
        self.found = found
        self.remedy = remedy

    def __str__(self) -> str:
        head = f"{self.where}: {self.rule}" if self.where else self.rule
        found = f"found {self.found}" if self.found else ""
        line = "; ".join(part for part in (head, found, self.remedy) if part)
        # File names, sample names and wrapped messages may hold line breaks: a log line must not.
        return " ".join(line.split())
