"""The true maps of a simulated run."""

from __future__ import annotations

from pathlib import Path

from cryohype_model.errors import MetricError
from cryohype_model.inference.trained import TrainedRun
from cryohype_model.metrics.pairs import labelled_truths, truth_folder
from cryohype_model.runs.run import read_config


def true_map(trained: TrainedRun, wanted: int | str, folder: str | Path | None) -> tuple[str, Path]:
    """Name and file of a known structure.

    Parameters
    ----------
    wanted : label or name of the structure.
    folder : as of ``cryohype evaluate --truth``; None for the truth.json beside the particles that the run was trained on.

    Raises
    ------
    MetricError : no truth is known, or not of this structure.
    """
    truths = labelled_truths(_folder_of(trained) if folder is None else Path(folder))
    for label, (name, path) in truths.items():
        if wanted in (label, name):
            return name, path
    known = ", ".join(f"{label} ({name})" for label, (name, _) in list(truths.items())[:8])
    raise MetricError(f"there is no true map of {wanted!r}; the first of the {len(truths)} known are {known}")


def _folder_of(trained: TrainedRun) -> Path:
    source = Path(read_config(trained.run).data.particles)  # not the checkpoint's: the file may have moved since
    folder = truth_folder(source)
    if folder is None:
        raise MetricError(f"the true maps of {trained.run.path} are not known: no truth.json beside {source}; give their folder")
    return folder
