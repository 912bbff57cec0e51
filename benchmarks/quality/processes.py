"""Run another program with a watch on its clock and its processor time, and stop it when it has had its share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from cryohype_model.errors import ConfigError

POLL_S = 0.25
Clock = Literal["wall", "cpu"]


@dataclass(frozen=True)
class Moment:
    """Seconds since the start: on the wall, and of processor time."""

    wall: float
    cpu: float

    def __sub__(self, earlier: Moment) -> Moment:
        return Moment(self.wall - earlier.wall, self.cpu - earlier.cpu)

    def by(self, clock: Clock) -> float:
        """The seconds that this clock shows."""
        return self.wall if clock == "wall" else self.cpu


@dataclass(frozen=True)
class Budget:
    """How long a method may train: seconds by a clock, or epochs.

    The clock is the wall's on a machine that does nothing else; where other work runs beside, processor time is fairer.
    """

    seconds: float | None
    epochs: int | None
    clock: Clock = "wall"

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.epochs is None):
            raise ConfigError("a budget is either of time or of epochs; give one of --minutes and --epochs")

    def __str__(self) -> str:
        if self.epochs is not None:
            return f"{self.epochs} epochs"
        return f"{(self.seconds or 0) / 60:g} minutes of {'wall' if self.clock == 'wall' else 'processor'} time in training"


@dataclass(frozen=True)
class Watched:
    """A program that has ended: its exit status, its output, and the moments that were looked at, the last one at its end."""

    status: int
    output: str
    moments: tuple[Moment, ...]

    def share_of(self, seconds: float) -> float:
        """Processor seconds in the last ``seconds`` on the wall."""
        end = self.moments[-1]
        earlier = max((moment for moment in self.moments if end.wall - moment.wall >= seconds), key=lambda m: m.wall,
                      default=self.moments[0])  # fmt: skip
        part = end - earlier
        return part.cpu * min(1.0, seconds / part.wall) if part.wall > 0 else 0.0


def watched(
    command: Sequence[str | Path],
    log: Path,
    stop: Callable[[Moment], bool] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Watched:
    """Run a program, its messages into a file.

    Parameters
    ----------
    log : file of what it writes to standard error, and to standard output too, which is also returned.
    stop : asked every quarter of a second; the program is interrupted (SIGTERM) once it says True.
    environment : added to ours.

    Raises
    ------
    ConfigError : the program failed without having been stopped, or does not exist.
    """
    print("$", *map(str, command), file=sys.stderr, flush=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    output = log.with_suffix(".out")
    with log.open("w") as messages, output.open("w") as printed:
        try:
            process = subprocess.Popen(list(map(str, command)), stdout=printed, stderr=messages,
                                       env=os.environ | dict(environment or {}))  # fmt: skip
        except OSError as error:
            raise ConfigError(f"{command[0]} cannot be started ({error.strerror}); check its path") from error
        moments, stopped = _watch(process, stop)
    if process.returncode and not stopped:
        last = (log.read_text().strip().splitlines() or ["it said nothing"])[-1]
        raise ConfigError(f"{Path(command[0]).name} {command[1]} failed: {last} (all of it in {log})")
    return Watched(process.returncode, output.read_text(), moments)


def _watch(process: subprocess.Popen[bytes], stop: Callable[[Moment], bool] | None) -> tuple[tuple[Moment, ...], bool]:
    """Look at a program until it ends; whether it was stopped."""
    started, moments, stopped = time.monotonic(), [Moment(0.0, 0.0)], False
    try:
        while process.poll() is None:
            time.sleep(POLL_S)
            cpu = max(moments[-1].cpu, _processor_seconds(process.pid))  # children that have just ended are not seen
            moments.append(Moment(time.monotonic() - started, cpu))
            if not stopped and stop is not None and stop(moments[-1]):
                process.send_signal(signal.SIGTERM)
                stopped = True
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return tuple(moments), stopped


def _processor_seconds(pid: int) -> float:
    """Of a process with all that it has started; 0 where it has ended."""
    try:
        root = psutil.Process(pid)
        ended = sum(root.cpu_times()[:4])  # its own, and of its children that are gone
        return float(ended + sum(sum(child.cpu_times()[:2]) for child in root.children(recursive=True)))
    except psutil.Error:
        return 0.0
