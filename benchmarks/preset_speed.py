"""How fast a preset trains, encodes and makes maps on a device, what memory it takes and where its time goes: one table.

    .venv/bin/python -m benchmarks.preset_speed -o /tmp/preset --device cuda                     tomotwin-100 at 128 px
    .venv/bin/python -m benchmarks.preset_speed -o /tmp/preset --device cuda --preset sim2struct-1000 --what train,memory

Images are noise with random poses, read from a stack as the commands read them; networks are untrained, which takes as long.
Variants of the training do their steps in turn, round after round: the preset as it is; on images that are in the device's memory
already, which tells what waiting for data costs; then compiled by torch.compile. The arithmetic limit is the rate of the matrix
products of the INR's sizes in the training's precision, measured here, over the counted operations of an image.
results.md, results.json and profile-*.txt are written into the output folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.memory import fabricate
from benchmarks.opened import Opened, opened
from benchmarks.quality.__main__ import commit, machine
from benchmarks.speed.counting import counted_flops
from cryohype_model.errors import ConfigError, CryoHypeError

PARTS = ("train", "encode", "volume", "memory", "profile")
TARGETS = {"train": 2500.0, "encode": 8000.0, "volume": 60.0}  # images/s, images/s, ms: issue 6, tomotwin-100 on an H200
PROFILED = 25  # kernels of the table


@dataclass
class Figures:
    """Everything that was measured: seconds of each round by what was done, and facts."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def spread(self, name: str, of: Callable[[float], float]) -> str:
        """Median, lowest and highest of what a round's seconds say."""
        values = [of(seconds) for seconds in self.seconds[name]]
        return f"{statistics.median(values):,.4g} ({min(values):,.4g} to {max(values):,.4g})"


class Bench:
    """One preset on one device, and what can be done with it.

    Parameters
    ----------
    steps : of training in a round. encoded : images in a round of encoding.
    """

    def __init__(self, one: Opened, steps: int, encoded: int) -> None:
        self.one, self.steps, self.encoded = one, steps, encoded
        self.device: torch.device = one.trained.device
        self.batch = one.config.training.batch_size
        self.rng = np.random.default_rng(0)
        rows = self.rng.choice(len(one.data.particles), self.batch, replace=False)
        self.resident = one.data.particles.batch(rows).to(self.device)
        self.latent = torch.randn(1, *one.trained.model.encoder.weight_tokens.shape, device=self.device)

    def wait(self) -> None:
        """Until the device has done all that it was told."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def train(self) -> None:
        """Steps on images from the disk, read ahead."""
        particles = self.one.data.particles
        batches = [self.rng.choice(len(particles), self.batch, replace=False) for _ in range(self.steps)]
        for batch in particles.prefetch(batches, pin=self.device.type == "cuda"):
            self.one.step(batch.to(self.device))

    def train_resident(self) -> None:
        """As many steps on images that are on the device already."""
        for _ in range(self.steps):
            self.one.step(self.resident)

    def encode(self) -> None:
        """Latents and losses of images from the disk, as in an analysis."""
        for _ in self.one.trained.encode_rows(self._some()):
            pass

    def encode_latents(self) -> None:
        """Latents alone, as for a map."""
        for _ in self.one.trained.latents_of(self._some()):
            pass

    def _some(self) -> np.ndarray:
        return np.sort(self.rng.choice(len(self.one.data.particles), self.encoded, replace=False))

    def volume(self) -> None:
        """A map of the training box, on the CPU."""
        self.one.trained.generator.volume(self.latent)

    def first_volume(self) -> None:
        """The coarse map that is seen first."""
        next(iter(self.one.trained.generator.stages(self.latent)))

    @contextmanager
    def compiled(self) -> Iterator[None]:
        """Within: the INR compiled by torch.compile."""
        inr = self.one.trainer.model.module.inr
        inr._values = torch.compile(inr._values, dynamic=False)
        try:
            yield
        finally:
            del inr._values

    def product_rate(self) -> float:
        """Operations a second of the INR's products, forward, in the precision of the training; the best of five."""
        mixed = self.one.trained.mixed
        shapes, rows = self.one.trained.model.inr.weight_shapes, len(self.one.trained.loss.pixels)
        dtype = torch.bfloat16 if mixed else torch.float32
        count = min(self.batch, 16)
        pairs = [
            (torch.randn(count, rows, fan_in, device=self.device, dtype=dtype),
             torch.randn(count, fan_in, out, device=self.device, dtype=dtype))
            for fan_in, out in shapes
        ]  # fmt: skip
        operations = sum(2 * count * rows * fan_in * out for fan_in, out in shapes)

        def products() -> None:
            for x, weight in pairs:
                torch.bmm(x, weight)

        return operations / min(self.timed(products) for _ in range(6))

    def timed(self, work: Callable[[], object]) -> float:
        """Seconds on the wall until the device is done."""
        self.wait()
        began = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - began


def measure(bench: Bench, what: list[str], rounds: int, compile_too: bool, folder: Path) -> Figures:
    """All parts; the first round of each is not counted: it compiles, allocates and plans."""
    figures = Figures()
    works: dict[str, Callable[[], None]] = {}
    if "train" in what:
        works |= {"train": bench.train, "resident": bench.train_resident}
    if "encode" in what:
        works |= {"encode": bench.encode, "latents": bench.encode_latents}
    if "volume" in what:
        works |= {"volume": bench.volume, "first": bench.first_volume}
    _rounds(bench, works, rounds, figures)
    if "train" in what and compile_too:
        with bench.compiled():
            try:
                _rounds(bench, {"compiled": bench.train_resident}, rounds, figures)
            except Exception as error:  # noqa: BLE001 - a compiler fails in many ways; the rest is still told
                figures.facts["torch.compile"] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    if "memory" in what:
        figures.facts["memory"] = _memory(bench)
    figures.facts |= {"product_rate": bench.product_rate(), "step_flops": counted_flops(lambda: bench.one.step(bench.resident))}
    figures.facts["map_flops"] = counted_flops(bench.volume)
    if "profile" in what:
        for name, work in (("train", bench.train_resident), ("volume", bench.volume)):
            (folder / f"profile-{name}.txt").write_text(_profile(bench, work))
    return figures


def _rounds(bench: Bench, works: dict[str, Callable[[], None]], rounds: int, figures: Figures) -> None:
    for number in range(rounds + 1):
        for name, work in works.items():
            seconds = bench.timed(work)
            if number:
                figures.seconds.setdefault(name, []).append(seconds)


def _memory(bench: Bench) -> str:
    """Peak of the device's memory in a step, weights and optimiser included."""
    if bench.device.type != "cuda":
        return "not told on a CPU"
    torch.cuda.reset_peak_memory_stats(bench.device)
    bench.timed(bench.train_resident)
    return f"{torch.cuda.max_memory_allocated(bench.device) / 1e9:.2f} GB at batch {bench.batch}"


def _profile(bench: Bench, work: Callable[[], None]) -> str:
    """PyTorch's table of the kernels that took longest."""
    cuda = bench.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]) as profiler:
        bench.timed(work)
    key = "self_device_time_total" if cuda else "self_cpu_time_total"
    return str(profiler.key_averages().table(sort_by=key, row_limit=PROFILED, max_name_column_width=70))


def report(bench: Bench, figures: Figures, promised: bool) -> str:
    """The table."""
    one, images, facts = bench.one, bench.steps * bench.batch, figures.facts
    rates = [
        ("train", "training", images),
        ("resident", "training, images on the device already", images),
        ("compiled", "the same, INR compiled", images),
        ("encode", "encoding, latents and losses", bench.encoded),
        ("latents", "encoding, latents alone", bench.encoded),
    ]
    rows = [
        (what, f"{figures.spread(name, lambda s, count=count: count / s)} images/s", _verdict(figures, name, count, promised))
        for name, what, count in rates
        if name in figures.seconds
    ]
    times = (("volume", f"map of {one.data.scale.box_px}³, on the CPU"), ("first", "the first, coarse map"))
    rows += [
        (what, f"{figures.spread(name, lambda s: 1000 * s)} ms", _verdict(figures, name, 1, promised))
        for name, what in times
        if name in figures.seconds
    ]
    rows += _limits(bench, figures)
    rows += [(name, str(value), "–") for name, value in facts.items() if name in ("memory", "torch.compile")]
    precision = "bfloat16" if one.trained.mixed else "float32"
    said = f"`python -m benchmarks.preset_speed {' '.join(sys.argv[1:])}`, commit {commit()}, {machine()}, "
    said += f"PyTorch {torch.__version__}"
    plan = one.trainer.take_step.plan
    cut = (plan.sentence(bench.batch) if plan is not None else "") or f"Batches of {bench.batch} in one piece."
    table = "\n".join(f"| {' | '.join(row)} |" for row in [("what", "median (lowest to highest)", "target"), ("---",) * 3, *rows])
    return f"# {one.data.scale.box_px} px on {_name(bench.device)}, {precision}\n\n{said}. {cut}\n\n{table}\n"


def _limits(bench: Bench, figures: Figures) -> list[tuple[str, str, str]]:
    """What the device's arithmetic allows, and what waiting takes."""
    rate = float(figures.facts["product_rate"])
    step = float(figures.facts["step_flops"]) / bench.batch
    told = f"{rate / step:,.4g} images/s: {step / 1e12:.3g} TFLOP an image, products at {rate / 1e12:.3g} TFLOP/s"
    rows = [("arithmetic limit of training", told, "–")]
    if "train" in figures.seconds:
        read, resident = (statistics.median(figures.seconds[name]) for name in ("train", "resident"))
        share = bench.steps * bench.batch / read / (rate / step)
        rows += [("share of that limit", f"{share:.0%}", "–"), ("waiting for data", f"{max(0.0, 1 - resident / read):.0%}", "–")]
    return rows


def _verdict(figures: Figures, name: str, count: int, promised: bool) -> str:
    """Of a target: images a second, or milliseconds."""
    if not promised or name not in TARGETS:
        return "–"
    seconds, goal = statistics.median(figures.seconds[name]), TARGETS[name]
    met = 1000 * seconds <= goal if name == "volume" else count / seconds >= goal
    return f"{'≤' if name == 'volume' else '≥'} {goal:,.0f}: {'met' if met else 'missed'}"


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "a CPU"


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preset_speed", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="images found there are used again")
    parser.add_argument("--preset", default="tomotwin-100", metavar="NAME", help="default tomotwin-100")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--what", default=",".join(PARTS), metavar="A,B", help=f"of {', '.join(PARTS)}; default all")
    parser.add_argument("--box", type=int, default=128, metavar="PX", help="default 128")
    parser.add_argument("--images", type=int, default=16384, metavar="N", help="in the stack, default 16,384: 1.1 GB at 128 px")
    parser.add_argument("--steps", type=int, default=20, metavar="N", help="of training in a round, default 20")
    parser.add_argument("--encoded", type=int, default=8192, metavar="N", help="images in a round of encoding, default 8192")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="that count, after one that warms up; default 5")
    parser.add_argument("--no-compile", action="store_true", help="do not try torch.compile")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Measure; the exit status."""
    args = arguments(words)
    what = args.what.split(",")
    try:
        if unknown := set(what) - set(PARTS):
            raise ConfigError(f"there is no part {sorted(unknown)[0]!r}; give of {', '.join(PARTS)}")
        folder = args.output / f"images-{args.box}-{args.images}"
        folder.mkdir(parents=True, exist_ok=True)
        star = fabricate(folder, args.images, box_px=args.box)
        bench = Bench(opened(args.preset, star, args.box, args.device, args.overrides), args.steps, args.encoded)
    except CryoHypeError as error:
        print(error, file=sys.stderr)
        return 2
    figures = measure(bench, what, args.rounds, not args.no_compile, args.output)
    text = report(bench, figures, (args.preset, args.box, args.device) == ("tomotwin-100", 128, "cuda"))
    (args.output / "results.md").write_text(text)
    (args.output / "results.json").write_text(json.dumps({"seconds": figures.seconds, "facts": figures.facts}, indent=1))
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
