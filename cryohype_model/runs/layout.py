"""Where everything lies in a run folder (docs/run-format.md)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryohype_model.errors import RunError

RUN_FORMAT_VERSION = 1

_UNFINISHED = (".partial", ".old")


@dataclass(frozen=True)
class Run:
    """A handle on a run folder: paths only, nothing is read."""

    path: Path

    @property
    def manifest(self) -> Path:
        """Identity, status and provenance."""
        return self.path / "manifest.json"

    @property
    def config(self) -> Path:
        """The complete configuration."""
        return self.path / "config.toml"

    @property
    def particles_star(self) -> Path:
        """The particles as trained on, in one frame."""
        return self.path / "particles.star"

    @property
    def particle_columns(self) -> Path:
        """The same as plain columns, which need not be read to be used."""
        return self.path / "particles.arrow"

    @property
    def metrics_log(self) -> Path:
        """One JSON object a line, append only."""
        return self.path / "metrics.jsonl"

    @property
    def log(self) -> Path:
        """What the commands said."""
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        """Folder of the networks' states."""
        return self.path / "checkpoints"

    @property
    def latents(self) -> Path:
        """Folder of latent spaces, one a checkpoint."""
        return self.path / "latents"

    @property
    def volumes(self) -> Path:
        """Folder of named series of maps."""
        return self.path / "volumes"

    @property
    def selections(self) -> Path:
        """Folder of named particle sets."""
        return self.path / "selections"

    @property
    def evaluation(self) -> Path:
        """Folder of named evaluations."""
        return self.path / "evaluation"

    @property
    def exports(self) -> Path:
        """Folder of what was exported to be taken elsewhere."""
        return self.path / "exports"


def check_name(name: str, kind: str) -> str:
    """The name, if it can safely be a file's name inside the run.

    Parameters
    ----------
    name : what a user or a browser asked for.
    kind : ``selection``, ``volume series`` ..., for the message.

    Raises
    ------
    RunError : empty, hidden, too long, a path, or a suffix that marks unfinished folders.
    """
    if not name or name != name.strip() or name.startswith(".") or len(name.encode()) > 120:
        raise RunError(f"{name!r} cannot name a {kind}; use 1 to 120 characters that do not begin with a dot or a space")
    if any(character in "/\\:" or not character.isprintable() for character in name):
        raise RunError(f"{name!r} cannot name a {kind}; use letters, digits, spaces, '-' and '_', no path separators")
    if name.endswith(_UNFINISHED):
        raise RunError(f"{name!r} cannot name a {kind}; names ending in .partial or .old mark unfinished folders")
    return name


def complete_folders(parent: Path) -> list[Path]:
    """The artefact folders inside ``parent`` that were finished (their meta.json exists), by name."""
    if not parent.is_dir():
        return []
    return sorted(child for child in parent.iterdir() if not child.name.endswith(_UNFINISHED) and (child / "meta.json").is_file())


def unfinished_folders(parent: Path) -> list[Path]:
    """The artefact folders inside ``parent`` that a killed process left, by name."""
    if not parent.is_dir():
        return []
    complete = set(complete_folders(parent))
    return sorted(child for child in parent.iterdir() if child.is_dir() and child not in complete)
