"""A training beside other work: how long it takes with threads that wait as ours do, and as GNU OpenMP's do by itself.

    .venv/bin/python -m benchmarks.sharing -o /tmp/sharing

The same short training (preset cpu-small, 32 px, one epoch, basis volumes first) with one thread for each core, in turn with both
settings: on the machine as it is, beside as many busy loops as there are cores, and two at once. On an idle machine, one
that gets its share takes about twice as long beside others. Wall time, as that is what a user waits for; what takes longer than
--patience is stopped. Run it where nothing else runs. results.md is written into the output folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.quality.__main__ import commit, machine
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.mixture import simulate_mixture
from cryohype_model.simulate.procedural import procedural_complex

SETTINGS = {"ours": {}, "GNU OpenMP's own": {"GOMP_SPINCOUNT": "300000"}}
CASES = {"alone": (1, 0), "beside a busy loop on each core": (1, 1), "two at once": (2, 0)}  # trainings, loops a core


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing but keep a core busy."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def seconds_of(star: Path, folder: Path, trainings: int, setting: dict[str, str], epochs: int, patience: float) -> float | None:
    """Until all trainings have ended; None where it took too long."""
    shutil.rmtree(folder, ignore_errors=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    words = [sys.executable, "-m", "cryohype_model.cli", "train", star, "--preset", "cpu-small", "--epochs", str(epochs)]
    began = time.monotonic()
    running = [
        subprocess.Popen([*map(str, words), "-o", str(folder / str(number))], env=kept | setting, stderr=subprocess.DEVNULL)
        for number in range(trainings)
    ]
    try:
        for process in running:
            if process.wait(max(0.1, began + patience - time.monotonic())) != 0:
                raise SystemExit(f"a training failed: {' '.join(map(str, words))}")
    except subprocess.TimeoutExpired:
        return None
    finally:
        for process in running:
            process.kill()
            process.wait()
    return time.monotonic() - began


def told(seconds: list[float | None], patience: float) -> str:
    """Median with lowest and highest."""
    known = [value if value is not None else patience for value in seconds]
    more = "> " if None in seconds else ""
    return f"{more}{statistics.median(known):.0f} s ({min(known):.0f} to {more}{max(known):.0f})"


def main(words: list[str] | None = None) -> int:
    """Simulate, train in turn, write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sharing", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="images found there are used again")
    parser.add_argument("--images", type=int, default=3000, metavar="N", help="default 3000")
    parser.add_argument("--epochs", type=int, default=1, metavar="N", help="default 1")
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="default 2")
    parser.add_argument("--patience", type=float, default=200.0, metavar="SECONDS", help="default 200")
    args = parser.parse_args(words)
    star = args.output / "images" / "particles.star"
    if not star.exists():
        config = MixtureConfig(args.images // 3, 32, 6.0, 12.0, snr=0.1)
        simulate_mixture([procedural_complex(index) for index in range(3)], star.parent, config)
    found: dict[tuple[str, str], list[float | None]] = {}
    for _ in range(args.rounds):
        for case, (trainings, loops) in CASES.items():
            for name, setting in SETTINGS.items():
                with busy(loops * (os.cpu_count() or 1)):
                    took = seconds_of(star, args.output / "runs", trainings, setting, args.epochs, args.patience)
                found.setdefault((case, name), []).append(took)
                print(f"{case}, {name}: {told([took], args.patience)}", file=sys.stderr, flush=True)
    rows = [[case, *(told(found[case, name], args.patience) for name in SETTINGS)] for case in CASES]
    lines = [["on the wall, until all trainings have ended", *SETTINGS], ["---"] * (1 + len(SETTINGS)), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    said = (
        f"`python -m benchmarks.sharing {' '.join(words if words is not None else sys.argv[1:])}`, commit {commit()}, {machine()}"
    )
    (args.output / "results.md").write_text(f"# A training beside other work\n\n{said}\n\n{table}\n")
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
