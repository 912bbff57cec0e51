"""What training says while it runs: a bar on a terminal, a line an epoch elsewhere, everything in log.txt."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType

import psutil
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


def memory_gb(device: torch.device) -> float:
    """Peak memory on the GPU, or resident memory of this process on the CPU, in GB (10⁹ bytes)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return psutil.Process().memory_info().rss / 1e9


class TrainingProgress:
    """Context that draws progress on standard error. Silent where ``shown`` is False (processes other than the first).

    Parameters
    ----------
    total_steps, done_steps : of the whole training, and already behind us.
    log : file that every sentence is added to.
    """

    def __init__(self, total_steps: int, done_steps: int, log: Path, shown: bool = True) -> None:
        self.log = log
        self.shown = shown
        self.console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not (shown and sys.stderr.isatty()),
        )
        self._task: TaskID = self._bar.add_task("training", total=total_steps, completed=done_steps, status="")

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def step(self, step: int, epoch: int, loss: float, images_per_s: float, memory: float) -> None:
        """Move the bar."""
        status = f"epoch {epoch + 1}  loss {loss:.4f}  {images_per_s:.0f} images/s  {memory:.1f} GB"
        self._bar.update(self._task, completed=step, status=status)

    def say(self, sentence: str) -> None:
        """A sentence for the user and for log.txt."""
        if not self.shown:
            return
        self.console.print(sentence, highlight=False, markup=False, soft_wrap=True)  # a command can be copied whole
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {sentence}\n")
