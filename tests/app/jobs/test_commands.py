"""What the pages start is what the command line understands."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from cryohype_app.jobs import commands
from cryohype_app.jobs.commands import (
    analyze_command,
    backproject_command,
    demo_command,
    embed_command,
    resume_command,
    shown,
    train_command,
)
from cryohype_model.cli import command_parser
from cryohype_model.config import load_config


def _parsed(command: tuple[str, ...]) -> Namespace:
    """What the command line makes of the line that people are shown."""
    program, name, *words = shlex.split(shown(command))
    assert program == "cryohype" and [name, *words] == list(command[3:])
    return command_parser(name).parse_args(words)


def test_train() -> None:
    command = train_command(
        Path("my data/p.star"), Path("/runs/-x"), "demo", ["data.box_px=16", "training.devices=5"], "cuda:1,cuda:3"
    )
    args = _parsed(command)
    assert (args.particles, args.output) == (str(Path.cwd() / "my data/p.star"), Path("/runs/-x"))
    assert (args.preset, args.devices, args.resume) == ("demo", 2, None)
    config = load_config(preset=args.preset, overrides=args.overrides)
    assert (config.data.box_px, config.training.accelerator) == (16, "cuda")


@pytest.mark.parametrize(
    ("device", "accelerator", "devices"), [("cpu", "cpu", 1), ("cuda:4", "cuda", 1), ("cuda:0,cuda:1", "cuda", 2)]
)
def test_the_device_wins_when_a_run_goes_on_elsewhere(device: str, accelerator: str, devices: int) -> None:
    args = _parsed(resume_command(Path("/runs/a"), ["training.accelerator=auto", "training.epochs=9"], device))
    assert (args.resume, args.particles, args.devices) == (Path("/runs/a"), None, devices)
    training = load_config(overrides=args.overrides).training
    assert (training.accelerator, training.epochs) == (accelerator, 9)


def test_analyze() -> None:
    plain = _parsed(analyze_command(Path("/runs/a")))
    assert plain == command_parser("analyze").parse_args(["/runs/a", "--accelerator", "cpu"])
    full = analyze_command(
        Path("/r"), "best", 4, "gmm", 8, umap=False, volumes=False, mean=True, activations=True, device="cuda:0"
    )
    args = _parsed(full)
    assert (args.checkpoint, args.clusters, args.method, args.components, args.accelerator) == ("best", 4, "gmm", 8, "cuda")
    assert args.no_umap and args.no_volumes and args.mean and args.activations


def test_embed() -> None:
    args = _parsed(embed_command(Path("/runs/a"), "-odd name; ls", "step-00000007"))
    assert (args.run_folder, args.selection, args.checkpoint) == (Path("/runs/a"), "-odd name; ls", "step-00000007")
    assert (args.neighbors, args.min_dist) == (None, None)


def test_demo() -> None:
    args = _parsed(demo_command(Path("/d"), 3, 20, 1, 0, overwrite=True))
    assert (args.output, args.structures, args.images, args.epochs, args.seed, args.overwrite) == (Path("/d"), 3, 20, 1, 0, True)


def test_backproject() -> None:
    args = _parsed(backproject_command(Path("/r"), Path("/o"), "-strange name; ls", contrast="dark", device="cuda:1"))
    assert (args.source, args.output, args.selection) == (Path("/r"), Path("/o"), "-strange name; ls")
    assert (args.contrast, args.accelerator, args.box) == ("dark", "cuda", None)
    args = _parsed(backproject_command(Path("/p"), Path("/o"), rows=Path("/i.npy"), box_px=64, overwrite=True))
    assert (args.rows, args.box, args.overwrite, args.by_label) == (Path("/i.npy"), 64, True, False)
    assert _parsed(backproject_command(Path("/p"), Path("/o"), by_label=True)).by_label
    assert _parsed(backproject_command(Path("/p"), Path("/o"), by_cluster=True)).by_cluster


def test_what_is_shown_is_for_a_shell() -> None:
    assert shown(demo_command(Path("/a b's"))) == """cryohype demo -o '/a b'"'"'s'"""
    assert shown(("ls", "a b")) == "ls 'a b'"


def test_the_command_really_starts(tmp_path: Path) -> None:
    """From any folder, also one with a file named as a module of Python's."""
    (tmp_path / "random.py").write_text("raise SystemExit('imported from the working folder')")
    command = (*demo_command(tmp_path / "d")[:4], "--help")
    environment = os.environ | {"PYTHONSAFEPATH": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith("usage: cryohype demo"), done.stderr


def test_nothing_heavy_is_imported() -> None:
    code = f"import {commands.__name__}, cryohype_app.jobs.book, cryohype_app.jobs.devices, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"torch", "panel", "bokeh", "fastapi", "numpy", "pandas"} & set(loaded) == set()
