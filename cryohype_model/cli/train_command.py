"""Train the hypernetwork on particles, or go on with a run.

cryohype train J42/run_data.star -o myrun                 the images' own file; settings that fit this machine
cryohype train particles.star --preset tomotwin-100       the paper's model
cryohype train particles.star --preset cpu-many           dozens of structures or more, without a GPU
cryohype train --resume myrun --set training.epochs=80    go on, longer

Ctrl-C writes a checkpoint and says how to go on.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryohype_model.cli.output import add_json_option, console, print_json
from cryohype_model.errors import ConfigError, RunError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from cryohype_model.config import RunConfig
    from cryohype_model.imaging.preprocess import ImageScale
    from cryohype_model.inference.processes import Processes
    from cryohype_model.nets.checkpoint import Checkpoint
    from cryohype_model.runs.layout import Run
    from cryohype_model.training.loop import TrainingResult
    from cryohype_model.training.prepare import TrainingSet

DATA_OPTIONS = ("datadir", "poses", "ctf", "indices", "labels")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``cryohype train``."""
    parser.add_argument("particles", nargs="?", metavar="PARTICLES", help=".star, .cs, stack, list of stacks or CryoBench folder")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="RUN", help="folder of the run (default: named after the particles and the time)"
    )
    parser.add_argument("-c", "--config", type=Path, metavar="TOML", help="configuration file, see `cryohype config new`")
    parser.add_argument("--preset", metavar="NAME", help="begin from a preset, see `cryohype config explain presets`")
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one key, such as training.epochs=20",
    )
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with this run")
    parser.add_argument("--checkpoint", default="last", metavar="NAME", help="checkpoint to resume from (default last)")
    parser.add_argument("--devices", type=int, metavar="N", help="GPUs (or CPU processes) of this machine, as training.devices")
    parser.add_argument("--epochs", type=int, metavar="N", help="as training.epochs")
    parser.add_argument("--box", type=int, metavar="PX", help="Fourier-downsample to this box, as data.box_px")
    for name in DATA_OPTIONS:
        parser.add_argument(f"--{name}", metavar="PATH", help=f"as data.{name}")
    parser.add_argument(
        "--analyze", action="store_true", help="when it has trained to the end, analyse as `cryohype analyze RUN`"
    )
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Prepare a new run or open an old one, train, say how it ended."""
    if (args.particles is None) == (args.resume is None):
        raise ConfigError("give either PARTICLES to train on, or --resume RUN to go on with a run")
    started = time.monotonic()
    result, run_folder, config, processes = _resume(args) if args.resume else _begin(args)
    if processes.is_first and args.json:  # the first process speaks for all
        facts = {"run": str(run_folder.path), "epochs": result.epochs_done, "step": result.step, "loss": result.loss}
        facts |= {
            "images_per_s": result.images_per_s,
            "training_seconds": result.seconds,
            "finished": result.signal_number is None,
        }
        print_json(facts | {"seconds": time.monotonic() - started, "batch_size": config.training.batch_size})
    if result.signal_number is not None:
        return 128 + result.signal_number if processes.is_first else 0
    if args.analyze:
        return _analyze(run_folder, config, processes)
    if processes.is_first:
        console.print(f"Finished. Next: cryohype analyze {run_folder.path}", highlight=False, markup=False, soft_wrap=True)
    return 0


def _analyze(run_folder: Run, config: RunConfig, processes: Processes) -> int:
    """`cryohype analyze` with what the run's configuration says, by all that trained."""
    from cryohype_model.cli import analyze_command, command_parser

    accelerator = config.training.accelerator if config.training.accelerator in ("cpu", "cuda") else "auto"
    args = command_parser("analyze").parse_args([str(run_folder.path), "--accelerator", accelerator])
    return analyze_command.run(args, processes if processes.world > 1 else None)


def _begin(args: argparse.Namespace) -> tuple[TrainingResult, Run, RunConfig, Processes]:
    from cryohype_model.config import load_config
    from cryohype_model.housekeeping import collect_now
    from cryohype_model.imaging.particles import Particles
    from cryohype_model.inference.processes import ALONE, launcher, of_training
    from cryohype_model.runs.particles import read_run_particles
    from cryohype_model.runs.run import open_run
    from cryohype_model.training.automatic import automatic_preset
    from cryohype_model.training.loop import make_fabric
    from cryohype_model.training.prepare import TrainingSet

    preset = automatic_preset() if args.config is None and args.preset is None else args.preset
    config = load_config(args.config, preset=preset, overrides=[*args.overrides, *_shortcuts(args)])
    # what is wrong with the input is told once: before the others are started here, else after they have met
    fabric = None if launcher() is None else make_fabric(config.training)
    processes = ALONE if fabric is None else of_training(fabric)
    prepared = None
    with processes.together():
        if _is_first_process():
            prepared = _prepare(args, config, preset)
    if fabric is None:
        fabric = make_fabric(config.training)
        processes = of_training(fabric)
    # the first process has read the table and makes the run, whose copy of it all have
    make = None if prepared is None else partial(_create, args, *prepared, str(fabric.device))
    path, config, scale, notes = processes.of_first(make)
    prepared = make = None
    collect_now()  # the table as it was read is done with
    with processes.together():
        run_folder = open_run(path)
        data = TrainingSet(Particles(read_run_particles(run_folder)), scale, notes)
    return _train(run_folder, config, data, fabric, None), run_folder, config, processes


def _prepare(args: argparse.Namespace, config: RunConfig, preset: str | None) -> tuple[RunConfig, TrainingSet]:
    """The particles as they are in the user's files, and the configuration that fits them."""
    from cryohype_model.nets.build import check_sizes
    from cryohype_model.runs.run import refuse_occupied
    from cryohype_model.training.automatic import fit_to_box
    from cryohype_model.training.prepare import open_training_set

    if args.output is not None:
        refuse_occupied(args.output.absolute())
    automatic = args.config is None and args.preset is None
    box_named = any(override.partition("=")[0].strip() == "data.box_px" for override in [*args.overrides, *_shortcuts(args)])
    data = open_training_set(config.data if box_named or not automatic else config.data.model_copy(update={"box_px": None}))
    if automatic:
        config, data = fit_to_box(config, data, box_fixed=box_named)
        console.print(f"No configuration given: preset {preset}, box {data.scale.box_px} px.", highlight=False, markup=False)
    check_sizes(config.model, data.scale.box_px)
    return config, data


def _create(
    args: argparse.Namespace, config: RunConfig, data: TrainingSet, device: str
) -> tuple[Path, RunConfig, ImageScale, tuple[str, ...]]:
    """Make the run; all train on the table in it, as a resumed run will, to the last bit of the poses."""
    from cryohype_model.io.write import write_star
    from cryohype_model.runs.particles import read_run_particles
    from cryohype_model.runs.run import create_run, open_run
    from cryohype_model.training.prepare import table_fingerprint

    table = data.particles.table
    output = (args.output or Path(f"{Path(args.particles).stem}-{time.strftime('%Y%m%d-%H%M%S')}")).absolute()
    create_run(
        output,
        config,
        ["cryohype", *sys.argv[1:]],
        table_fingerprint(table),
        lambda path: write_star(table, path),
        particles=len(table),
        box_px=data.scale.box_px,
        pixel_size_angstrom=data.scale.pixel_size_angstrom,
        source=str(table.source.path),
        device=device,
    )
    read_run_particles(open_run(output))  # kept as columns, for all
    return output, config, data.scale, data.notes


def _resume(args: argparse.Namespace) -> tuple[TrainingResult, Run, RunConfig, Processes]:
    from cryohype_model.config import load_config
    from cryohype_model.inference.processes import of_training
    from cryohype_model.nets.checkpoint import checkpoint_path, load_checkpoint
    from cryohype_model.runs.run import open_run, write_config
    from cryohype_model.training.loop import make_fabric
    from cryohype_model.training.resume import check_resumable, check_same_model, refuse_running, reopen_training_set

    if args.output or args.config or args.preset or any(getattr(args, name) for name in DATA_OPTIONS) or args.box:
        raise ConfigError(
            "--resume takes particles and networks from the run; only --set training.*, --epochs and --devices can change"
        )
    run_folder = open_run(args.resume)
    if _is_first_process():
        refuse_running(run_folder)
    config = load_config(run_folder.config, overrides=[*args.overrides, *_shortcuts(args)])
    file = checkpoint_path(run_folder, args.checkpoint)
    if not file.is_file() and args.checkpoint != "last":
        raise RunError(f"{run_folder.path} has no checkpoint {args.checkpoint!r}; look into {run_folder.checkpoints}")
    checkpoint: Checkpoint | None = load_checkpoint(file) if file.is_file() else None
    if checkpoint is not None:
        check_resumable(run_folder, checkpoint)
    for before in (load_config(run_folder.config), *((checkpoint.config,) if checkpoint else ())):
        check_same_model(before, config)
    data = reopen_training_set(run_folder, config, checkpoint)
    fabric = make_fabric(config.training)
    processes = of_training(fabric)
    with processes.together():
        if processes.is_first:
            write_config(run_folder, config)  # the next --resume goes on with what is changed now
    return _train(run_folder, config, data, fabric, checkpoint), run_folder, config, processes


def _train(
    run_folder: Run, config: RunConfig, data: TrainingSet, fabric: Fabric, checkpoint: Checkpoint | None
) -> TrainingResult:
    """Train; a failure is written into the manifest before it is told."""
    from cryohype_model.runs.manifest import update_manifest
    from cryohype_model.training.loop import train

    try:
        return train(run_folder, config, data, fabric, checkpoint)
    except BaseException as error:
        if fabric.is_global_zero:
            status = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"  # a second Ctrl-C
            message = str(error) or type(error).__name__
            update_manifest(run_folder, status=status, message=message, pid=None, process_created=None)
        raise


def _shortcuts(args: argparse.Namespace) -> list[str]:
    """Options that are short names of configuration keys, as overrides in TOML syntax."""
    import json

    pairs: dict[str, Any] = {"training.devices": args.devices, "training.epochs": args.epochs, "data.box_px": args.box}
    pairs |= {f"data.{name}": _absolute(getattr(args, name)) for name in DATA_OPTIONS}
    pairs["data.particles"] = _absolute(args.particles)
    return [f"{key}={json.dumps(value)}" for key, value in pairs.items() if value is not None]


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).absolute())


def _is_first_process() -> bool:
    """False in the processes that Fabric, torchrun or SLURM start beside the first, on this machine or another."""
    import os

    return all(int(os.environ.get(name, "0")) == 0 for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"))
