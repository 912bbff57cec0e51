"""Whole commands, as users type them: starting, reading, computing, writing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.asking import Answer, command_answer, interleaved
from benchmarks.speed.case import ZDIM, Prepared, Sizes
from benchmarks.speed.comparison import Comparison
from benchmarks.speed.parts import DRGN, OURS

CLUSTERS = 20  # maps of an analysis, cryoDRGN's default
Words = list[str | Path]


@dataclass(frozen=True)
class Pair:
    """A command of ours and one of the rival's.

    Attributes
    ----------
    what : for the table. ours, theirs : command lines, of a folder for their output. target : times faster, of issue 6.
    """

    what: str
    ours: Callable[[Path], Words]
    theirs: Callable[[Path], Words]
    target: float | None = None


def pairs_of(name: str, sizes: Sizes, prepared: Prepared, rival_python: Path, promised: bool) -> list[Pair]:
    """The pairs of one word of ``--what``; ``promised``: whether the targets are for this size."""
    data, run, theirs = prepared.data, prepared.run, prepared.rival_run
    cryohype, cryodrgn = Path(sys.executable).parent / "cryohype", rival_python.parent / "cryodrgn"
    accelerator = ["--accelerator", prepared.device]
    if name == "commands":
        weights, config = theirs / "weights.1.pkl", theirs / "config.yaml"
        latent = ["-z", *["0"] * ZDIM]
        return [Pair(f"`cryohype volumes`, one map of {sizes.box_px}³, against `eval_vol`",
                     lambda out: [cryohype, "volumes", run, "--particles", "0", "-o", out, *accelerator],
                     lambda out: [cryodrgn, "eval_vol", weights, "-c", config, *latent, "-o", out.with_suffix(".mrc")],
                     5.0 if promised else None)]  # fmt: skip
    if name == "backproject":
        files = ["--poses", data.poses, "--ctf", data.ctf]
        return [Pair(f"`cryohype backproject`, {sizes.images} images, against `backproject_voxel`",
                     lambda out: [cryohype, "backproject", data.star, "--contrast", "bright", "-o", out, *accelerator],
                     lambda out: [cryodrgn, "backproject_voxel", data.stack, *files, "-o", out])]  # fmt: skip
    one_more = ["--pc", "1", "--n-per-pc", "1"]  # maps along a component: it cannot do without
    return [
        Pair(f"`cryohype analyze`, {sizes.images} images, no maps, against `analyze --skip-vol`",
             lambda _: [cryohype, "analyze", run, "--clusters", str(CLUSTERS), "--no-volumes", "--no-quality", *accelerator],
             lambda out: [cryodrgn, "analyze", theirs, "1", "--skip-vol", "-o", _with_folders(out)]),
        Pair(f"the same with {CLUSTERS} maps of clusters",
             lambda _: [cryohype, "analyze", run, "--clusters", str(CLUSTERS), "--no-quality", *accelerator],
             lambda out: [cryodrgn, "analyze", theirs, "1", *one_more, "--ksample", str(CLUSTERS), "-o", out]),
    ]  # fmt: skip


def train_rival(sizes: Sizes, prepared: Prepared, rival_python: Path) -> None:
    """One epoch of cryoDRGN's train_vae, whose folder its other commands read; nothing where it is there already."""
    if (prepared.rival_run / "weights.1.pkl").exists():
        return
    shutil.rmtree(prepared.rival_run, ignore_errors=True)
    data = prepared.data
    decoder = ["--enc-dim", "256", "--enc-layers", "3", "--dec-dim", str(sizes.hidden), "--dec-layers", str(sizes.layers - 2)]
    command_answer(
        [rival_python.parent / "cryodrgn", "train_vae", data.stack, "--poses", data.poses, "--ctf", data.ctf, "--zdim", str(ZDIM),
         "--seed", "0", "-n", "1", "-b", str(sizes.batch), "--no-analysis", "--no-amp", *decoder, "-o", prepared.rival_run],
        prepared.folder / "logs" / "train_vae.log",
    )  # fmt: skip


def compared_commands(pair: Pair, prepared: Prepared, rounds: int) -> Comparison:
    """Both commands in turn; what they wrote is removed again, so that none finds the work of an earlier round."""
    out, logs = prepared.folder / "out", prepared.folder / "logs"

    def clear() -> None:
        leftovers = [
            folder / name for folder in (prepared.run / "latents", prepared.run / "volumes") for name in folder.iterdir()
        ]
        for path in (out, out.with_suffix(".mrc"), *leftovers):
            _remove(path)

    def once(words: Callable[[Path], Words], name: str) -> Callable[[int], Answer]:
        def run(_number: int) -> Answer:
            clear()
            return command_answer(words(out), logs / f"command-{name}.log")

        return run

    answers = interleaved({OURS: once(pair.ours, OURS), DRGN: once(pair.theirs, DRGN)}, rounds, pair.what)
    clear()
    return Comparison(pair.what, DRGN, answers[OURS], answers[DRGN], 1, "", pair.target, memory=True)


def _with_folders(out: Path) -> Path:
    """Folders that cryoDRGN 4.3.1 writes pictures into and makes with its maps only."""
    for name in ("pc1", "pc2", f"kmeans{CLUSTERS}"):
        (out / name).mkdir(parents=True)
    return out


def _remove(path: Path) -> None:
    """A file or folder that may be there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
