"""The manifest of a run: who it is, how it was made, how it stands."""

from __future__ import annotations

import json
import platform
from datetime import datetime, timezone
from importlib import metadata
from typing import Any, Literal
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from cryohype_model.errors import RunError
from cryohype_model.io.atomic import write_atomically
from cryohype_model.runs.layout import RUN_FORMAT_VERSION, Run

Status = Literal["created", "running", "stopped", "finished", "failed"]


class Manifest(BaseModel):
    """manifest.json; identity goes by ``id``, never by the folder's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(default_factory=lambda: uuid4().hex, description="identity of the run, 32 hexadecimal digits")
    format_version: int = Field(RUN_FORMAT_VERSION, description="of the run folder")
    status: Status = Field("created", description="how the run stands")
    created: AwareDatetime = Field(default_factory=lambda: utc_now(), description="when the folder was made, UTC")
    updated: AwareDatetime = Field(default_factory=lambda: utc_now(), description="when this file was last written, UTC")
    command: tuple[str, ...] = Field((), description="the command line, word by word")
    versions: dict[str, str] = Field(default_factory=lambda: installed_versions(), description="cryohype, torch, numpy, python")
    device: str = Field("", description="where it trains, as people call it")
    seed: int = Field(0, description="of everything random")
    data_fingerprint: str = Field("", description="of which images, in which order: a resumed run must see the same")
    particles: int = Field(0, ge=0, description="number of particles")
    box_px: int | None = Field(None, description="side of the images as trained on")
    pixel_size_angstrom: float | None = Field(None, description="of the images as trained on")
    source: str = Field("", description="the particle file that was read")
    epochs_done: int = Field(0, ge=0, description="finished passes over the particles")
    pid: int | None = Field(None, description="process that trains, while status is running")
    process_created: float | None = Field(None, description="when that process began, Unix seconds: tells a reused pid apart")
    message: str = Field("", description="last sentence for people, such as why the run failed")
    note: str = Field("", description="what people should know of its making, such as that it is the shipped demo")


def utc_now() -> datetime:
    """The time, in UTC, to the second."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def installed_versions() -> dict[str, str]:
    """Versions of what decides the numbers; nothing is imported to find them."""
    versions = {"python": platform.python_version()}
    for package in ("cryohype", "torch", "numpy"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def read_manifest(run: Run) -> Manifest:
    """The manifest of a run.

    Raises
    ------
    RunError : no manifest, another format version (named), or not what a manifest looks like.
    """
    try:
        tree = json.loads(run.manifest.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{run.path} is not a run: it has no manifest.json; give the folder that `cryohype train` wrote") from None
    except OSError as error:
        raise RunError(f"cannot read {run.manifest}: {error.strerror}") from None
    except ValueError:
        raise RunError(f"{run.manifest} is not valid JSON; restore it from a copy, or train again into another folder") from None
    version = tree.get("format_version") if isinstance(tree, dict) else None
    if version != RUN_FORMAT_VERSION:
        raise RunError(
            f"{run.path} is a run of format version {version}; this release reads version {RUN_FORMAT_VERSION}, "
            "open it with the release that wrote it"
        )
    return _validated(run, tree)


def write_manifest(run: Run, manifest: Manifest) -> None:
    """Replace manifest.json in one step."""
    write_atomically(run.manifest, manifest.model_dump_json(indent=2) + "\n")


def update_manifest(run: Run, **changes: Any) -> Manifest:
    """Change fields of the manifest in one step, and its time of update.

    Parameters
    ----------
    run : an existing run.
    changes : fields of :class:`Manifest`, as ``status="running", pid=123``.
    """
    tree = read_manifest(run).model_dump() | {"updated": utc_now()} | changes
    manifest = _validated(run, tree)
    write_manifest(run, manifest)
    return manifest


def _validated(run: Run, tree: dict[str, Any]) -> Manifest:
    try:
        return Manifest.model_validate(tree)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise RunError(f"{run.manifest}: '{where}' = {problem['input']!r} is wrong: {problem['msg']}") from None
