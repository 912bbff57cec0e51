"""Training and maps in warm processes: ours, the plain formulation and cryoDRGN, beside the arithmetic limit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.speed.asking import Answer, Contender, interleaved
from benchmarks.speed.case import Sizes
from benchmarks.speed.comparison import Comparison

OURS, PLAIN, DRGN = "ours", "plain formulation of the paper", "cryoDRGN"
TRAIN_TARGETS = {PLAIN: 2.0, DRGN: 1.0}  # of issue 6, for D = 64 and an INR of 256 on a CPU
VOLUME_TARGETS = {DRGN: 3.0}
LIMIT = "products alone"
Contenders = Mapping[str, Contender]


@contextmanager
def contenders(ours: Path, rival: Path | None, rival_python: Path, folder: Path, plain: bool) -> Iterator[Contenders]:
    """The processes, each warm from its first request on.

    Parameters
    ----------
    ours : configuration. rival : settings of cryoDRGN, None where it is left out. folder : of the logs.
    plain : whether the plain formulation takes part.
    """
    commands: dict[str, list[str | Path]] = {OURS: [sys.executable, "-m", "benchmarks.speed.duties", "ours", ours.absolute()]}
    if plain:
        commands[PLAIN] = [sys.executable, "-m", "benchmarks.speed.duties", "plain", ours.absolute()]
    if rival is not None:
        commands[DRGN] = [rival_python.absolute(), "-m", "benchmarks.speed.drgn_duties", rival.absolute()]
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Contender(name, command, folder / f"{name.replace(' ', '-')}.log"))
            for name, command in commands.items()
        }


def training(found: Contenders, sizes: Sizes, rounds: int, steps: int) -> tuple[list[Comparison], dict[str, float]]:
    """Steps on equal batches; the comparisons, and the counted operations of an image of each contender."""

    def step(contender: Contender) -> Callable[[int], Answer]:
        return lambda number: contender.ask("train", batches=sizes.batches(number, steps))

    images = sizes.batch * steps
    answers = interleaved(
        {name: step(one) for name, one in found.items()} | _limit(found[OURS], sizes, backward=True), rounds, "training"
    )
    flops = {
        name: one.ask("count_train", batches=sizes.batches(0, 1)).facts["flops"] / sizes.batch for name, one in found.items()
    }
    rows = [
        Comparison("training", name, answers[OURS], answers[name], images, "images", TRAIN_TARGETS[name],
                   flops[OURS] * images, answers[LIMIT])
        for name in found if name != OURS
    ]  # fmt: skip
    return rows, flops


def volumes(found: Contenders, sizes: Sizes, rounds: int, count: int) -> tuple[list[Comparison], dict[str, float]]:
    """Maps of the box; the comparisons, and the counted operations of a map of each contender."""

    def make(contender: Contender) -> Callable[[int], Answer]:
        return lambda _: contender.ask("volume", count=count)

    answers = interleaved(
        {name: make(one) for name, one in found.items()} | _limit(found[OURS], sizes, backward=False), rounds, "volume"
    )
    flops = {name: one.ask("count_volume").facts["flops"] for name, one in found.items()}
    rows = [
        Comparison(f"volume {sizes.box_px}³, computing alone", name, answers[OURS], answers[name], count, "",
                   VOLUME_TARGETS.get(name), flops[OURS] * count, answers[LIMIT])
        for name in found if name != OURS
    ]  # fmt: skip
    return rows, flops


def _limit(ours: Contender, sizes: Sizes, *, backward: bool) -> dict[str, Callable[[int], Answer]]:
    """Products of the size that one image's half disc has, in the process of ours."""
    rows = round(3.14159 / 8 * sizes.box_px**2)  # of the half disc
    count = max(1, round(4e9 / (6 * rows * sizes.hidden**2 * sizes.layers)))  # a fraction of a second
    return {LIMIT: lambda _: ours.ask("products", rows=rows, count=count, backward=backward)}
