"""Peak host memory and time to the first step on many images of 64 px of noise, and memory of their analysis.

    .venv/bin/python benchmarks/memory.py -o /tmp/memory                                    200,000 images, 3.3 GB
    .venv/bin/python benchmarks/memory.py -o /tmp/memory --count 1000000 --stored 100000 --tiny --train-seconds 60

With --stored, the stack holds so many images and several particles share one, each with a pose and CTF of its own: the
program cannot tell, and holds a stack in no case. --tiny takes networks of a few thousand parameters on 16 px. What is measured
is memory, not quality. Training is stopped with Ctrl-C ``--train-seconds`` after its first step; the analysis then encodes
every particle, without UMAP and maps; with --encoded N it encodes the first N only, and gives the latents of the last batch of
these to all others.

Memory is that of the process and its children: resident, and what of it is no file in the page cache (RssAnon + RssShmem).
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from torch import Tensor

from cryohype_model.io.rotation import random_rotations
from cryohype_model.io.stack_writer import StackWriter
from cryohype_model.io.table import CtfTable, ParticleTable, Source
from cryohype_model.io.write import write_star

BOX_PX = 64
CHUNK = 2000
PRESET = ("--preset", "cpu-small", "--box", "64")
TINY_NUMBERS = {"dim": 32, "depth": 1, "heads": 2, "head_dim": 16, "mlp_dim": 64, "weight_tokens": 4, "basis_volumes": 8}
TINY_INR = {"layers": 3, "hidden": 32, "frequencies": 16}
TINY = (
    "--preset", "cpu-small", "--box", "16",
    *(word for key, value in TINY_NUMBERS.items() for word in ("--set", f"model.{key}={value}")),
    *(word for key, value in TINY_INR.items() for word in ("--set", f"model.inr.{key}={value}")),
)  # fmt: skip


def fabricate(folder: Path, count: int, stored: int | None = None, box_px: int = BOX_PX) -> Path:
    """A stack of noise and its table; ``stored`` images, or one a particle."""
    stored = stored or count
    stars = folder / "particles.star"
    if stars.exists():
        return stars
    rng = np.random.default_rng(0)
    stack = folder / "particles.mrcs"
    with StackWriter(stack, stored, box_px, 3.0) as writer:
        for start in range(0, stored, CHUNK):
            writer.append(rng.standard_normal((min(CHUNK, stored - start), box_px, box_px), dtype=np.float32))
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
        frame=rows % stored,
        box_px=box_px,
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

    def __init__(self, *words: str | Path | int) -> None:
        self.began = time.monotonic()
        self.process = subprocess.Popen(list(map(str, words)))
        self.peak_gb = self.peak_own_gb = 0.0

    def look(self) -> bool:
        """Update the peaks; whether the command still runs."""
        try:
            root = psutil.Process(self.process.pid)
            together = [_memory(p.pid) for p in (root, *root.children(recursive=True))]
            self.peak_gb = max(self.peak_gb, sum(resident for resident, _ in together) / 1e6)
            self.peak_own_gb = max(self.peak_own_gb, sum(own for _, own in together) / 1e6)
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.1)
        return self.process.poll() is None

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self.began


def _memory(pid: int) -> tuple[int, int]:
    """Resident memory of a process, and what of it is no file, in kB as Linux says them."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if name.startswith("Rss")}
    return sum(sizes.values()), sizes.get("RssAnon", 0) + sizes.get("RssShmem", 0)  # none of a process that has ended


def measure_training(stars: Path, run: Path, seconds: float, networks: tuple[str, ...]) -> dict[str, float]:
    """Train for a while, then Ctrl-C."""
    watched = Watched(Path(sys.executable).parent / "cryohype", "train", stars, *networks, "-o", run)
    first_step = float("nan")
    asked = False
    while watched.look():
        if np.isnan(first_step) and (run / "metrics.jsonl").exists() and (run / "metrics.jsonl").stat().st_size:
            first_step = watched.seconds
        if not asked and watched.seconds > first_step + seconds:  # never before there is a first step
            watched.process.send_signal(signal.SIGINT)
            asked = True
    return {
        "first_step_seconds": first_step,
        "training_peak_gb": watched.peak_gb,
        "training_peak_own_gb": watched.peak_own_gb,
        "training_exit_code": watched.process.returncode,
    }


def measure_opening(stars: Path) -> dict[str, float]:
    """Read the table in a process of its own; its memory at the end beyond what the imports took."""
    code = (
        "import sys, time, psutil, json; from pathlib import Path; from cryohype_model.imaging.particles import Particles; "
        "from cryohype_model.io.particles import read_particles; own = lambda: psutil.Process().memory_info().rss / 1e9; "
        "before, began = own(), time.monotonic(); particles = Particles(read_particles(Path(sys.argv[1]))); "
        "print(json.dumps({'opening_seconds': time.monotonic() - began, 'table_gb': own() - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(stars)], capture_output=True, text=True, check=True)
    facts: dict[str, float] = json.loads(done.stdout)
    return facts


def analyse(run: Path, encoded: int) -> int:
    """`cryohype analyze` that encodes only so many images; its exit status."""
    from cryohype_model.cli import main as command
    from cryohype_model.inference.trained import TrainedRun

    encode_rows = TrainedRun.encode_rows

    def encode_some(self: TrainedRun, rows: np.ndarray) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
        for part, latent, loss in encode_rows(self, rows[:encoded]):
            yield part, latent, loss
        for start in range(encoded, len(rows), len(part)):
            rest = rows[start : start + len(part)]
            yield rest, latent[: len(rest)], loss[: len(rest)]

    TrainedRun.encode_rows = encode_some
    return command(["analyze", str(run), "--no-umap", "--no-volumes", "--clusters", "10"])


def measure_analysis(run: Path, encoded: int) -> dict[str, float]:
    """Encode, reduce and cluster all particles."""
    watched = Watched(sys.executable, __file__, "-o", run, "--analyse", "--encoded", encoded)
    while watched.look():
        pass
    return {
        "analysis_peak_gb": watched.peak_gb,
        "analysis_peak_own_gb": watched.peak_own_gb,
        "analysis_seconds": watched.seconds,
        "analysis_exit_code": watched.process.returncode,
    }


def main() -> None:
    """Fabricate, train, analyse, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--stored", type=int, metavar="N", help="images in the stack (default: one a particle)")
    parser.add_argument("--tiny", action="store_true", help="networks of a few thousand parameters on 16 px")
    parser.add_argument("--train-seconds", type=float, default=60)
    parser.add_argument("--no-analysis", action="store_true")
    parser.add_argument("--encoded", type=int, metavar="N", help="images that the analysis encodes (default: all)")
    parser.add_argument("--analyse", action="store_true", help=argparse.SUPPRESS)  # what this program starts itself with
    args = parser.parse_args()
    if args.analyse:
        sys.exit(analyse(args.output, args.encoded))
    args.output.mkdir(parents=True, exist_ok=True)
    stars = fabricate(args.output, args.count, args.stored)
    run = args.output / f"run-{time.strftime('%H%M%S')}"
    facts: dict[str, float] = {"particles": args.count, **measure_opening(stars)}
    facts |= measure_training(stars, run, args.train_seconds, TINY if args.tiny else PRESET)
    if not args.no_analysis:
        encoded = min(args.encoded or args.count, args.count)
        facts |= {"encoded": encoded, **measure_analysis(run, encoded)}
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
