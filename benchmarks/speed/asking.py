"""The benchmark's side: contenders in processes of their own, asked in turn, so that only one computes at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from cryohype_model.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What one piece of work took: seconds on the wall and of processor time; peak memory of the process so far, MiB."""

    wall: float
    cpu: float
    peak_mib: float
    facts: dict[str, Any] = field(default_factory=dict)


class Contender:
    """A process of ``answering.serve``; as a context it ends with it.

    Parameters
    ----------
    name : for messages. command : that starts it. log : file of what it writes to standard error.
    """

    def __init__(self, name: str, command: Sequence[str | Path], log: Path) -> None:
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w") as messages:
            self._process = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=messages,
                text=True,
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )

    def __enter__(self) -> Contender:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        if kind is not None:
            self._process.kill()
        self._process.wait()

    def ask(self, do: str, **details: Any) -> Answer:
        """Have it do something and wait for the answer.

        Raises
        ------
        ConfigError : it has ended instead.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **details}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            last = (self.log.read_text().strip().splitlines() or ["it said nothing"])[-1]
            raise ConfigError(f"{self.name} failed at {do}: {last} (all of it in {self.log})")
        found = json.loads(line)
        return Answer(found.pop("wall"), found.pop("cpu"), found.pop("peak_mib"), found)


def command_answer(command: Sequence[str | Path], log: Path) -> Answer:
    """Run a whole command, as its users do.

    Raises
    ------
    ConfigError : it failed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with log.open("w") as messages:
        process = subprocess.Popen(list(map(str, command)), stdout=messages, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)  # the only wait that tells what this one process took
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = (log.read_text().strip().splitlines() or ["it said nothing"])[-1]
        raise ConfigError(f"{Path(command[0]).name} {command[1]} failed: {last} (all of it in {log})")
    return Answer(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def interleaved(work: Mapping[str, Callable[[int], Answer]], rounds: int, title: str) -> dict[str, list[Answer]]:
    """Each contender once a round, one after the other; round 0 warms up and is not counted.

    Parameters
    ----------
    work : what each does in a round of this number. rounds : that count. title : told on standard error.
    """
    found: dict[str, list[Answer]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, once in work.items():
            answer = once(number)
            if number:
                found[name].append(answer)
        told = ", ".join(f"{name} {answers[-1].wall:.3g} s" for name, answers in found.items() if answers)
        print(f"{title}, round {number}/{rounds}: {told or 'warm-up'}", file=sys.stderr, flush=True)
    return found
