"""How the cost of an image grows with particles N, box D and structures K: a table and a plot for each.

    OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.growth -o /tmp/growth --pictures docs/images

Images are noise with random poses: what is measured is time, not quality. In a round each size does the same work once, one
after the other, on images drawn from all of its own; ratios to the first size are taken within a round, which is what counts on
a machine that has other work. Seconds are processor time of all threads of the process: with one thread and an idle machine
that is time on the wall, less the waiting for the disk. Networks are those of preset cpu-small at the size's box.
results.md and results.json are written into the output folder.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks.memory import fabricate
from benchmarks.opened import opened
from benchmarks.quality.__main__ import commit, machine
from cryohype_model.analysis.cluster import cluster_latents
from cryohype_model.analysis.medoids import medoids
from cryohype_model.io.particles import read_particles
from cryohype_model.io.write import write_star

BATCH = 16
ENCODED = 32  # images in a round
CLUSTERINGS = 3  # rounds in which clusters are found, which takes longer than the rest
PARTICLES = (2_000, 20_000, 200_000)
BOXES = (32, 64, 96, 128)
STRUCTURES = (10, 100, 1000)
COMPONENTS = 32
CLUSTERED = 20_000  # latents
WORK = ("training step", "encoding")
COLOURS = {"training step": "#1b6ca8", "encoding": "#c8553d"}


@dataclass
class Subject:
    """One size: what it does in a round, and the seconds of processor time an image that each round took."""

    size: int
    work: dict[str, Callable[[], int]]
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def round(self) -> None:
        """Each kind of work once."""
        for name, do in self.work.items():
            began = time.process_time()
            count = do()
            self.seconds.setdefault(name, []).append((time.process_time() - began) / count)


def subject(size: int, star: Path, box_px: int) -> Subject:
    """Training steps and encoding on the particles of a file, by the code that the commands run."""
    one = opened("cpu-small", star, box_px, "cpu", [f"training.batch_size={BATCH}"])
    particles = one.data.particles
    rng = np.random.default_rng(0)

    def train() -> int:
        (batch,) = particles.prefetch([rng.choice(len(particles), BATCH, replace=False)])
        one.step(batch)
        return BATCH

    def encode() -> int:
        rows = np.sort(rng.choice(len(particles), ENCODED, replace=False))
        return sum(len(part) for part, _, _ in one.trained.encode_rows(rows))

    return Subject(size, {"training step": train, "encoding": encode})


def by_particles(folder: Path) -> list[Subject]:
    """64 px, more and more particles."""
    return [subject(count, _noise(folder / f"n{count}", count, 64), 64) for count in PARTICLES]


def by_box(folder: Path) -> list[Subject]:
    """1,000 particles of each box."""
    return [subject(box, _noise(folder / f"d{box}", 1000, box), box) for box in BOXES]


def by_structures(folder: Path) -> list[Subject]:
    """20,000 particles of 64 px that are said to be of K structures; K clusters of as many made-up latents."""
    table = read_particles(_noise(folder / "n20000", PARTICLES[1], 64))
    subjects = []
    for count in STRUCTURES:
        star = folder / f"k{count}.star"
        write_star(replace(table, label=np.arange(len(table)) % count), star)
        subjects.append(subject(count, star, 64))
    return subjects


def _noise(folder: Path, count: int, box_px: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return fabricate(folder, count, box_px=box_px)


def clustering(count: int) -> list[float]:
    """Processor seconds of finding K clusters and their medoids among made-up latents, so many times."""
    rng = np.random.default_rng(0)
    centres = 3 * rng.standard_normal((count, COMPONENTS), dtype=np.float32)
    pca = centres[np.arange(CLUSTERED) % count] + rng.standard_normal((CLUSTERED, COMPONENTS), dtype=np.float32)
    seconds = []
    for _ in range(CLUSTERINGS):
        began = time.process_time()
        medoids(pca, cluster_latents(pca, "kmeans", count, None, 0).assignment)
        seconds.append(time.process_time() - began)
    return seconds


def measure(subjects: list[Subject], rounds: int) -> None:
    """Rounds that count, after one that warms up."""
    for number in range(rounds + 1):
        for one in subjects:
            one.round()
            if number == 0:
                one.seconds.clear()


def spread(values: list[float], digits: int = 2) -> str:
    """Median, lowest and highest."""
    median, low, high = statistics.median(values), min(values), max(values)
    return f"{median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(subjects: list[Subject], letter: str) -> str:
    """Milliseconds and ratios, a row a size."""
    head = [letter, *(f"{name}, ms an image" for name in WORK), *(f"{name}, ratio" for name in WORK)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for one in subjects:
        times = [spread([1000 * value for value in one.seconds[name]], 1) for name in WORK]
        ratios = [spread([b / a for a, b in zip(subjects[0].seconds[name], one.seconds[name], strict=True)]) for name in WORK]
        lines.append("| " + " | ".join([f"{one.size:,}", *times, *ratios]) + " |")
    return "\n".join(lines)


def draw(ax: Axes, subjects: list[Subject], label: str) -> None:
    """Median milliseconds of processor time against size, bars from lowest to highest."""
    sizes = [one.size for one in subjects]
    for name in WORK:
        times = np.array([np.quantile(one.seconds[name], (0, 0.5, 1)) for one in subjects]).T * 1000
        colour = COLOURS[name]
        ax.errorbar(sizes, times[1], yerr=[times[1] - times[0], times[2] - times[1]], color=colour, marker="o", capsize=3)
        ax.annotate(name, (sizes[-1], times[1][-1]), xytext=(8, 0), textcoords="offset points", color=colour, va="center")
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ax.minorticks_off()
    ax.set_xlabel(label)
    ax.set_ylabel("processor time, ms an image")
    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.08)


def picture(subjects: list[Subject], letter: str, label: str, path: Path) -> None:
    """The plot of one quantity."""
    figure = Figure(figsize=(6.4, 3.8), dpi=150, layout="constrained", facecolor="white")
    ax = figure.add_subplot()
    draw(ax, subjects, label)
    if letter == "D":
        first = statistics.median(subjects[0].seconds[WORK[0]]) * 1000
        sizes = np.array([one.size for one in subjects])
        ax.plot(sizes, first * (sizes / sizes[0]) ** 2, color="#999999", linestyle=":")
        ax.annotate("as D²", (sizes[1], first * 4), xytext=(-6, 6), textcoords="offset points", color="#666666", ha="right")
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
    else:
        ax.set_ylim(bottom=0)
    ax.set_xlim(right=subjects[-1].size * (subjects[-1].size / subjects[0].size) ** 0.3)  # room for the names
    figure.savefig(path)


QUANTITIES = {
    "particles": (by_particles, "N", "particles N"),
    "box": (by_box, "D", "box D, pixels"),
    "structures": (by_structures, "K", "structures K"),
}


def main(words: list[str] | None = None) -> int:
    """Measure, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="stacks found there are used again")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="where scaling-*.png are drawn (default: the output)")
    parser.add_argument("--what", default=",".join(QUANTITIES), help=f"of {', '.join(QUANTITIES)}; default all")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="that count, after one that warms up; default 7")
    args = parser.parse_args(words)
    args.output.mkdir(parents=True, exist_ok=True)
    said = f"`python -m benchmarks.growth {' '.join(words or sys.argv[1:])}`, commit {commit()}, {machine()}"
    text = [f"# How cost grows\n\n{said}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n"]
    text.append(f"{args.rounds} rounds; processor time, median (lowest to highest); ratios to the first size within a round.\n")
    results: dict[str, Any] = {}
    for what in args.what.split(","):
        make, letter, label = QUANTITIES[what]
        subjects = make(args.output)
        measure(subjects, args.rounds)
        text.append(f"## {label}\n\n{table(subjects, letter)}\n")
        picture(subjects, letter, label, (args.pictures or args.output) / f"scaling-{what}.png")
        results[what] = {one.size: one.seconds for one in subjects}
        if what == "structures":
            found = {count: clustering(count) for count in STRUCTURES}
            rows = "\n".join(f"| {count:,} | {spread(seconds)} |" for count, seconds in found.items())
            text.append(f"| K | k-means and medoids of {CLUSTERED:,} latents, s |\n|---|---|\n{rows}\n")
            results["clusters"] = found
        (args.output / "results.md").write_text("\n".join(text))  # after each: the next may take long
        (args.output / "results.json").write_text(json.dumps(results))
    print("\n".join(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
