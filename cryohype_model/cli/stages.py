"""How a long command tells its stages: bars in a terminal, lines in a file."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cryohype_model.cli.output import console

LINES_A_STAGE = 10


def stages() -> StageBar | StageLines:
    """A context that tells stages on standard error."""
    return StageBar() if console.is_terminal else StageLines()


class StageBar(AbstractContextManager["StageBar"]):
    """One bar a stage, with the time left."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> StageBar:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def begin(self, stage: str, total: int) -> None:
        """A new bar."""
        self._task = self._bar.add_task(stage, total=total)

    def advance(self, count: int) -> None:
        """Move it."""
        if self._task is not None:
            self._bar.advance(self._task, count)

    def say(self, sentence: str) -> None:
        """A sentence above the bars."""
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


class StageLines(AbstractContextManager["StageLines"]):
    """A line at a stage's beginning and at each tenth of it: the log of a job is read while it runs."""

    def __init__(self) -> None:
        self._stage, self._total, self._done, self._told = "", 0, 0, 0

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing is left open."""

    def begin(self, stage: str, total: int) -> None:
        """Its name."""
        self._stage, self._total, self._done, self._told = stage, total, 0, 0
        self._tell()

    def advance(self, count: int) -> None:
        """How far it is, if that is a tenth further."""
        self._done += count
        tenth = LINES_A_STAGE * self._done // max(1, self._total)
        if tenth > self._told:
            self._told = tenth
            self._tell()

    def say(self, sentence: str) -> None:
        """The sentence."""
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def _tell(self) -> None:
        self.say(f"{self._stage} {self._done}/{self._total}")
