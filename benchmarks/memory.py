"""Peak host memory and time to the first step on a stack of 200,000 images of 64 px (3.3 GB), and memory of its analysis.

    .venv/bin/python benchmarks/memory.py -o /tmp/memory [--count 200000] [--no-analysis]

The stack is noise with random poses: what is measured is memory, not quality. Training is stopped with Ctrl-C after
``--train-seconds``; the analysis then encodes every particle. Memory is resident memory of the process and its children.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from cryohype_model.io.rotation import random_rotations
from cryohype_model.io.stack_writer import StackWriter
from cryohype_model.io.table import CtfTable, ParticleTable, Source
from cryohype_model.io.write import write_star

BOX_PX = 64
CHUNK = 2000


def fabricate(folder: Path, count: int) -> Path:
    """A stack of noise and its table."""
    stars = folder / "particles.star"
    if stars.exists():
        return stars
    rng = np.random.default_rng(0)
    stack = folder / "particles.mrcs"
    with StackWriter(stack, count, BOX_PX, 3.0) as writer:
        for start in range(0, count, CHUNK):
            writer.append(rng.standard_normal((min(CHUNK, count - start), BOX_PX, BOX_PX), dtype=np.float32))
    same = {"defocus_angle_deg": 0, "voltage_kv": 300, "cs_mm": 2.7, "amplitude_contrast": 0.1, "phase_shift_deg": 0}
    defocus = rng.uniform(8e3, 25e3, count).astype(np.float32)
    ctf = CtfTable(
        defocus_u_angstrom=defocus,
        defocus_v_angstrom=defocus,
        b_factor_angstrom2=np.zeros(count, np.float32),
        scale=np.ones(count, np.float32),
        **{name: np.full(count, value, np.float32) for name, value in same.items()},
    )
    rows = np.arange(count)
    table = ParticleTable(
        stacks=(stack,),
        stack_index=np.zeros(count, np.int64),
        frame=rows,
        box_px=BOX_PX,
        pixel_size_angstrom=np.full(count, 3.0, np.float32),
        rotation=random_rotations(count, rng).astype(np.float32),
        shift_px=rng.uniform(-2, 2, (count, 2)).astype(np.float32),
        ctf=ctf,
        optics_group=np.ones(count, np.int64),
        label=None,
        source=Source(stars, "star", rows),
        contrast_known=1,
    )
    write_star(table, stars)
    return stars


class Watched:
    """A command and the peak of its memory."""

    def __init__(self, *words: str | Path) -> None:
        command = [str(Path(sys.executable).parent / "cryohype"), *map(str, words)]
        self.began = time.monotonic()
        self.process = subprocess.Popen(command)
        self.peak_gb = 0.0

    def look(self) -> bool:
        """Update the peak; whether the command still runs."""
        try:
            root = psutil.Process(self.process.pid)
            rss = sum(p.memory_info().rss for p in (root, *root.children(recursive=True)))
            self.peak_gb = max(self.peak_gb, rss / 1e9)
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.1)
        return self.process.poll() is None

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self.began


def measure_training(stars: Path, run: Path, seconds: float) -> dict[str, float]:
    """Train for a while, then Ctrl-C."""
    watched = Watched("train", stars, "--preset", "cpu-small", "--box", "64", "-o", run)
    first_step = float("nan")
    while watched.look():
        if np.isnan(first_step) and (run / "metrics.jsonl").exists() and (run / "metrics.jsonl").stat().st_size:
            first_step = watched.seconds
        if watched.seconds > seconds and watched.process.poll() is None and not np.isnan(first_step):
            watched.process.send_signal(signal.SIGINT)
            seconds = float("inf")
    return {
        "first_step_seconds": first_step,
        "training_peak_gb": watched.peak_gb,
        "training_exit_code": watched.process.returncode,
    }


def measure_analysis(run: Path) -> dict[str, float]:
    """Encode, reduce, cluster and draw all particles."""
    watched = Watched("analyze", run)
    while watched.look():
        pass
    return {
        "analysis_peak_gb": watched.peak_gb,
        "analysis_seconds": watched.seconds,
        "analysis_exit_code": watched.process.returncode,
    }


def main() -> None:
    """Fabricate, train, analyse, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--train-seconds", type=float, default=60)
    parser.add_argument("--no-analysis", action="store_true")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    stars = fabricate(args.output, args.count)
    run = args.output / f"run-{time.strftime('%H%M%S')}"
    facts: dict[str, float] = {"particles": args.count, **measure_training(stars, run, args.train_seconds)}
    if not args.no_analysis:
        facts |= measure_analysis(run)
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
