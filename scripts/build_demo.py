"""Build assets/demo-run.zip, the small trained run that `cryohype-app serve --demo` opens.

.venv/bin/python scripts/build_demo.py -o assets                  simulates, trains (minutes), analyses, packs
.venv/bin/python scripts/build_demo.py -o assets --from WORK      the same with what an earlier build left in WORK

It is `cryohype demo`, made small. The images are rounded before anything is done with them, so that the run was trained on what
is shipped; the weights are rounded before the analysis, so that latents and maps are of the weights that are shipped.
"""

from __future__ import annotations

import argparse
import bz2
import io
import json
import shutil
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from cryohype_model.cli.demo_command import STRUCTURES, demo_commands, run_step
from cryohype_model.cli.output import console
from cryohype_model.io.atomic import write_atomically
from cryohype_model.io.images import ImageStacks
from cryohype_model.io.mrc import read_volume
from cryohype_model.io.particles import read_particles
from cryohype_model.io.star_file import read_star_file
from cryohype_model.nets.checkpoint import load_checkpoint, save_checkpoint
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.run import read_config, write_config

ROOT = Path(__file__).resolve().parents[1]
NAME = "demo-run.zip"
LARGEST_BYTES = 3_000_000  # of all assets
IMAGES = 800  # of each structure, as `cryohype demo` has them
SEED = 0
STEP = 1.0  # of the images, in standard deviations of their noise: adds a twelfth to its variance
WEIGHT_BITS = 10  # significant ones; a float16 has 11
MAP_LEVELS = 512
COMPONENTS = 12  # principal components kept
RUN, PARTICLES = "demo", "demo-particles"  # folders in the archive
DIGITS = {
    "rlnAngleRot": 2, "rlnAngleTilt": 2, "rlnAnglePsi": 2, "rlnOriginXAngst": 2, "rlnOriginYAngst": 2,
    "rlnDefocusU": 0, "rlnDefocusV": 0, "rlnDefocusAngle": 1,
}  # fmt: skip
LEFT_OUT = {"particles.star", "last.ckpt", "best.ckpt"}  # written anew, or linked, when the archive is unpacked

Array = npt.NDArray[np.float32]


def main() -> None:
    """Build where the options say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "assets", metavar="DIR", help="folder (default assets)")
    parser.add_argument(
        "--from", dest="work", type=Path, metavar="WORK", help="work in this folder and keep it; what is there is not made again"
    )
    args = parser.parse_args()
    if args.work is not None:
        build(args.work.resolve(), args.output)
        return
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder).resolve(), args.output)


def build(work: Path, output: Path) -> None:
    """Everything, each step an ordinary command on the files of the step before."""
    output.mkdir(parents=True, exist_ok=True)
    steps = {words[0]: words for words in demo_commands(work, STRUCTURES, IMAGES, None, SEED)}
    for name, made in (("simulate", "data"), ("backproject", "bound"), ("train", "run/checkpoints/last.ckpt")):
        if not (work / made).exists():
            run_step(steps[name])
        if name == "simulate":
            shrink_particles(work / "data")
    small = Run(work / "small")
    shutil.rmtree(small.path, ignore_errors=True)
    shutil.copytree(work / "run", small.path)
    shrink_checkpoint(small)
    run_step(["analyze", str(small.path), "--components", str(COMPONENTS)])
    evaluate = [word.replace(str(work / "run"), str(small.path)) for word in steps["evaluate"] if word != "--keep-volumes"]
    run_step(evaluate)
    tell_provenance(small, steps["train"], evaluate, work)
    members = dict(sorted(collect(work, small)))
    write_archive(members, output / NAME)
    total = sum(path.stat().st_size for path in output.iterdir())
    console.print(
        f"{output / NAME}: {(output / NAME).stat().st_size:,} bytes, {total:,} in {output}", highlight=False, soft_wrap=True
    )
    if total >= LARGEST_BYTES:
        raise SystemExit(f"the assets have {total:,} bytes, more than {LARGEST_BYTES:,}; ship fewer images")


def shrink_particles(folder: Path) -> None:
    """Images as int8 in steps of the noise, poses and CTF with as many digits as matter; done twice it changes nothing."""
    star, stack = folder / "particles.star", folder / "particles.mrcs"
    table = read_particles(star)
    images = ImageStacks(table).read(np.arange(len(table)))
    whole = np.clip(np.round(images / STEP), -127, 127).astype(np.int8)
    write_atomically(stack, mrc_bytes(whole, float(table.pixel_size_angstrom[0]), is_volume=False))
    write_atomically(star, _rounded_star(star))


def _rounded_star(path: Path) -> str:
    """The text of a .star file with the columns of ``DIGITS`` rounded."""
    file = read_star_file(path)
    block = file.block("particles")
    assert block is not None, path
    digits = [DIGITS.get(column) for column in block.columns]
    lines = list(file.lines)
    for number in block.lines:
        words = zip(lines[number].split(), digits, strict=True)
        lines[number] = " ".join(word if places is None else f"{float(word):.{places}f}" for word, places in words) + "\n"
    return "".join(lines)


def shrink_checkpoint(run: Run) -> None:
    """The last checkpoint alone, its weights as float16 with fewer bits and without the optimiser's state."""
    checkpoint = load_checkpoint(run.checkpoints / "last.ckpt")
    shutil.rmtree(run.checkpoints)
    run.checkpoints.mkdir()
    config = read_config(run)
    config = config.model_copy(update={"data": config.data.model_copy(update={"particles": f"{PARTICLES}/particles.star"})})
    weights = {name: torch.from_numpy(_few_bits(tensor.numpy()).astype(np.float16)) for name, tensor in checkpoint.model.items()}
    path = run.checkpoints / f"step-{checkpoint.step:08d}.ckpt"
    save_checkpoint(replace(checkpoint, config=config, model=weights, optimizer={}), path)
    (run.checkpoints / "last.ckpt").hardlink_to(path)
    write_config(run, config)


def tell_provenance(run: Run, train: list[str], evaluate: list[str], work: Path) -> None:
    """What made it, into the manifest and beside the evaluation; without the paths of this machine."""
    manifest = read_manifest(run)
    note = (
        f"The demo that CryoHype ships: simulated, and trained on {manifest.device} on these images, which are rounded to whole "
        f"standard deviations of their noise. Its weights are rounded to {WEIGHT_BITS} bits, and the optimiser's state is left "
        f"out: it cannot be resumed. Built by scripts/build_demo.py at commit {commit()}."
    )
    changes = {"command": tuple(_told(train, work)), "source": f"{PARTICLES}/particles.star", "note": note}
    write_atomically(run.manifest, manifest.model_copy(update=changes).model_dump_json(indent=2) + "\n")
    for path in run.evaluation.glob("*/meta.json"):
        facts = json.loads(path.read_text(encoding="utf-8")) | {"command": _told(evaluate, work), "truth": PARTICLES}
        write_atomically(path, json.dumps(facts, indent=2) + "\n")


def commit() -> str:
    """The commit of the sources, and whether they differ from it."""
    git = ["git", "--no-optional-locks", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "cryohype_model", "scripts"], check=False).returncode
    return f"{head} with changes" if changed else head


def _told(words: list[str], work: Path) -> list[str]:
    """A command of cryohype as it would be typed beside the unpacked folders."""
    names = {"data": PARTICLES, "small": RUN, "run": RUN, "bound": "bound"}
    for here, there in names.items():
        words = [word.replace(str(work / here), there) for word in words]
    return ["cryohype", *words]


def collect(work: Path, run: Run) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the archive."""
    data = work / "data"
    for name in ("particles.star", "particles.mrcs", "truth.json"):
        yield f"{PARTICLES}/{name}", (data / name).read_bytes()
    for path in sorted((data / "volumes").glob("*.mrc")):
        yield f"{PARTICLES}/volumes/{path.name}", _small_map(path)
    for path in sorted(run.path.rglob("*")):
        if not path.is_file() or path.suffix == ".png" or path.name in LEFT_OUT:
            continue
        yield f"{RUN}/{path.relative_to(run.path).as_posix()}", _small(path)


def _small(path: Path) -> bytes:
    """The content of a file of the run, with fewer digits where these are noise."""
    if path.suffix == ".mrc":
        return _small_map(path)
    if path.name == "pca.npy":
        pca: Array = np.load(path)
        return _npy(_rounded(pca, float(pca.std(axis=0).min()) / 16))
    if path.name == "pca_basis.npz":
        return _small_basis(path)
    if path.name == "table.parquet":
        return _small_table(path)
    return path.read_bytes()


def _small_map(path: Path) -> bytes:
    """A map as float16 that takes ``MAP_LEVELS`` values on either side of 0."""
    volume, pixel_size, _ = read_volume(path)
    small = _rounded(volume, float(np.abs(volume).max()) / MAP_LEVELS).astype(np.float16)
    return mrc_bytes(small, pixel_size, is_volume=True)


def mrc_bytes(array: npt.NDArray[Any], pixel_size_angstrom: float, is_volume: bool) -> bytes:
    """An MRC file of this type of numbers, without the label that tells the time."""
    with tempfile.NamedTemporaryFile(suffix=".mrc") as file:
        with mrcfile.new(file.name, overwrite=True) as mrc:
            mrc.set_data(array)
            if is_volume:
                mrc.set_volume()
            else:
                mrc.set_image_stack()
            mrc.voxel_size = pixel_size_angstrom
            mrc.header.nlabl = 0
            mrc.header.label = b""
        return Path(file.name).read_bytes()


def _small_basis(path: Path) -> bytes:
    with np.load(path, allow_pickle=False) as arrays:
        small = {name: _few_bits(arrays[name]) for name in arrays.files}
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **small)
    return stream.getvalue()


def _small_table(path: Path) -> bytes:
    table = pd.read_parquet(path)
    steps: Mapping[str, float] = {"umap_x": 2**-7, "umap_y": 2**-7, "loss": 2**-10, "defocus_um": 2**-8}
    rounded = table.assign(**{name: _rounded(table[name].to_numpy(), step) for name, step in steps.items()})
    stream = io.BytesIO()
    rounded.to_parquet(stream, index=False, compression="gzip")
    return stream.getvalue()


def _rounded(values: npt.NDArray[Any], step: float) -> Array:
    """Multiples of the power of two at or below ``step``."""
    unit = 2.0 ** np.floor(np.log2(step))
    return np.asarray(np.round(values / unit) * unit, dtype=np.float32)


def _few_bits(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Numbers with ``WEIGHT_BITS`` significant bits."""
    mantissa, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.round(np.ldexp(mantissa, WEIGHT_BITS)), exponent - WEIGHT_BITS), dtype=values.dtype)


def _npy(array: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def write_archive(members: Mapping[str, bytes], path: Path) -> None:
    """A zip file whose bytes depend on the contents alone; each member by whichever method makes it smallest."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o644 << 16
            only_codes = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)  # noise repeats nothing
            sizes = {
                "deflate": len(zlib.compress(content, 9)),
                "bzip2": len(bz2.compress(content)),
                "codes": len(only_codes.compress(content) + only_codes.flush()),
            }
            best = min(sizes, key=lambda method: sizes[method])
            info.compress_type = zipfile.ZIP_BZIP2 if best == "bzip2" else zipfile.ZIP_DEFLATED
            with archive.open(info, "w") as member:
                if best == "codes":
                    member._compressor = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)  # type: ignore[attr-defined]  # zipfile offers no strategy
                member.write(content)
            console.print(f"{sizes[best]:>9,} of {len(content):>9,} {best:8} {name}", highlight=False, soft_wrap=True)
    write_atomically(path, stream.getvalue())


if __name__ == "__main__":
    main()
