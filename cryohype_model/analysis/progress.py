"""How an analysis tells what it is doing, to a terminal, a job's log or nobody."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Stages one after the other, each of a known number of steps."""

    def begin(self, stage: str, total: int) -> None:
        """A new stage of ``total`` steps begins; the one before is over."""

    def advance(self, count: int) -> None:
        """So many more steps of the stage are done."""

    def say(self, sentence: str) -> None:
        """Something that the user should read."""


class Silent:
    """A :class:`Progress` that tells nobody."""

    def begin(self, stage: str, total: int) -> None:
        """Nothing."""

    def advance(self, count: int) -> None:
        """Nothing."""

    def say(self, sentence: str) -> None:
        """Nothing."""
