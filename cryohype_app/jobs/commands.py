"""The `cryohype` commands that the pages start, word by word."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_MODULE = "cryohype_model.cli"


def train_command(
    particles: Path,
    output: Path,
    preset: str | None = None,
    overrides: Iterable[str] = (),
    device: str = "cpu",
    config: Path | None = None,
    *,
    analyze: bool = False,
) -> tuple[str, ...]:
    """`cryohype train` of a new run.

    Parameters
    ----------
    particles, output : particle file, and the folder to make.
    preset : name of a preset.
    overrides : ``section.key=value``, as of ``--set``.
    device : of the job; it wins over what the overrides say of accelerator and devices.
    config : a configuration file to begin from.
    analyze : also analyse, when it has trained to the end.
    """
    begins = (*_option("--preset", preset), *_option("--config", config and config.absolute()))
    begin = ("train", _path(particles), "-o", _path(output), *begins)
    return _cryohype(*begin, *_settings(overrides, device), *_flags({"--analyze": analyze}))


def resume_command(run: Path, overrides: Iterable[str] = (), device: str = "cpu") -> tuple[str, ...]:
    """`cryohype train --resume`; the parameters are those of :func:`train_command`."""
    return _cryohype("train", "--resume", _path(run), *_settings(overrides, device))


def analyze_command(
    run: Path,
    checkpoint: str | None = None,
    clusters: int | None = None,
    method: str | None = None,
    components: int | None = None,
    *,
    umap: bool = True,
    volumes: bool = True,
    mean: bool = False,
    activations: bool = False,
    device: str = "cpu",
) -> tuple[str, ...]:
    """`cryohype analyze`; what is None or left as it is comes from the run's configuration.

    Parameters
    ----------
    run : folder of the run.
    checkpoint, clusters, method, components, mean, activations : its options.
    umap, volumes : False for ``--no-umap``, ``--no-volumes``.
    device : of the job.
    """
    options = {"--checkpoint": checkpoint, "--clusters": clusters, "--method": method, "--components": components}
    flags = {"--no-umap": not umap, "--no-volumes": not volumes, "--mean": mean, "--activations": activations}
    return _cryohype("analyze", _path(run), *_options(options), *_flags(flags), "--accelerator", _accelerator(device))


def embed_command(run: Path, selection: str, checkpoint: str | None = None) -> tuple[str, ...]:
    """`cryohype embed`; it computes on the CPU.

    Parameters
    ----------
    selection : stored in the run. checkpoint : whose latents.
    """
    return _cryohype("embed", _path(run), *_options({"--selection": selection, "--checkpoint": checkpoint}))


def demo_command(
    output: Path,
    structures: int | None = None,
    images: int | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    *,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """`cryohype demo`; it computes on what the job's device lets it see."""
    options = {"--structures": structures, "--images": images, "--epochs": epochs, "--seed": seed}
    return _cryohype("demo", "-o", _path(output), *_options(options), *_flags({"--overwrite": overwrite}))


def backproject_command(
    source: Path,
    output: Path,
    selection: str | None = None,
    rows: Path | None = None,
    box_px: int | None = None,
    contrast: str | None = None,
    *,
    by_label: bool = False,
    by_cluster: bool = False,
    overwrite: bool = False,
    device: str = "cpu",
) -> tuple[str, ...]:
    """`cryohype backproject`.

    Parameters
    ----------
    source : particle file, or folder of a run.
    output : folder of the maps.
    selection, rows, by_label, by_cluster : which particles; one of them at most.
    box_px : Fourier-downsample to this box.
    contrast : auto, bright or dark.
    overwrite : replace an earlier back-projection.
    device : of the job.
    """
    options = {"--selection": selection, "--rows": rows and rows.absolute(), "--box": box_px, "--contrast": contrast}
    flags = {"--by-label": by_label, "--by-cluster": by_cluster, "--overwrite": overwrite}
    begin = ("backproject", _path(source), "-o", _path(output))
    return _cryohype(*begin, *_options(options), *_flags(flags), "--accelerator", _accelerator(device))


def shown(command: Sequence[str]) -> str:
    """The equal line to type into a shell."""
    words = ("cryohype", *command[3:]) if tuple(command[1:3]) == ("-m", _MODULE) else command
    return shlex.join(words)


def _cryohype(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", _MODULE, *words)


def _settings(overrides: Iterable[str], device: str) -> tuple[str, ...]:
    """``--set`` for each override, then where to train: the last one counts."""
    settings = (*overrides, f"training.accelerator={_accelerator(device)}")
    processes = 1 if device == "cpu" else len(device.split(","))
    return (*(word for setting in settings for word in _option("--set", setting)), "--devices", str(processes))


def _accelerator(device: str) -> str:
    return "cpu" if device == "cpu" else "cuda"


def _options(options: Mapping[str, Path | str | int | None]) -> tuple[str, ...]:
    return tuple(word for name, value in options.items() for word in _option(name, value))


def _option(name: str, value: Path | str | int | None) -> tuple[str, ...]:
    """An option with its value; a value that begins with a dash is tied to its name, or it would be an option itself."""
    if value is None:
        return ()
    return (f"{name}={value}",) if str(value).startswith("-") else (name, str(value))


def _flags(flags: dict[str, bool]) -> tuple[str, ...]:
    return tuple(name for name, wanted in flags.items() if wanted)


def _path(path: Path) -> str:
    """Absolute: a job does not run where the server was started."""
    return str(Path(path).absolute())
