"""selections/: named sets of particles and how each was made."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import RunError
from cryohype_model.io.atomic import write_atomically
from cryohype_model.runs.layout import RUN_FORMAT_VERSION, Run, check_name
from cryohype_model.runs.manifest import read_manifest, utc_now


def write_selection(run: Run | Path, name: str, indices: npt.ArrayLike, origin: dict[str, Any]) -> Path:
    """Store a set of particles; an older one of the name is replaced.

    Parameters
    ----------
    run : a run, or its folder.
    name : of the selection.
    indices : zero-based particle numbers, in any order; stored sorted, each once.
    origin : how it was made (``{"kind": "lasso", "polygon": ...}``), JSON values.

    Returns
    -------
    The .npy file.

    Raises
    ------
    RunError : a bad name, or numbers that are no particles of the run.
    """
    run = _as_run(run)
    chosen = _checked_indices(run, name, indices)
    array_path, json_path = _files(run, name)
    array_path.parent.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    np.save(buffer, chosen, allow_pickle=False)
    facts = {"format_version": RUN_FORMAT_VERSION, "count": len(chosen), "created": utc_now().isoformat(), "origin": origin}
    content = json.dumps(facts, indent=2) + "\n"
    write_atomically(array_path, buffer.getvalue())
    write_atomically(json_path, content)
    return array_path


def read_selection(run: Run | Path, name: str) -> npt.NDArray[np.int64]:
    """(n,) int64 zero-based particle numbers, ascending.

    Raises
    ------
    RunError : no such selection (the ones there are named), or its two files disagree.
    """
    run = _as_run(run)
    count = read_selection_facts(run, name)["count"]
    array_path, _ = _files(run, name)
    try:
        indices: npt.NDArray[np.int64] = np.load(array_path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise RunError(f"{array_path} cannot be read; make the selection {name!r} again") from None
    if indices.dtype != np.int64 or indices.shape != (count,):
        raise RunError(f"{array_path} does not hold the {count} particles that its .json tells of; make the selection again")
    return indices


def read_selection_facts(run: Run | Path, name: str) -> dict[str, Any]:
    """Count, time of making and origin of a selection.

    Raises
    ------
    RunError : no such selection.
    """
    run = _as_run(run)
    _, json_path = _files(run, name)
    try:
        facts = dict(json.loads(json_path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        known = ", ".join(list_selections(run)) or "none"
        raise RunError(f"{run.path} has no selection {name!r}; there are: {known}") from None
    except ValueError:
        raise RunError(f"{json_path} is damaged; make the selection {name!r} again") from None
    if facts.get("format_version") != RUN_FORMAT_VERSION:
        raise RunError(f"{json_path} has format version {facts.get('format_version')}, not {RUN_FORMAT_VERSION}; make it again")
    return facts


def delete_selection(run: Run | Path, name: str) -> None:
    """Remove a selection and its embeddings; its particles stay.

    Raises
    ------
    RunError : no such selection.
    """
    run = _as_run(run)
    read_selection_facts(run, name)
    array_path, json_path = _files(run, name)
    json_path.unlink(missing_ok=True)  # what makes it be listed, first
    array_path.unlink(missing_ok=True)
    for folder in run.latents.glob("*/embeddings"):  # pictures of these particles alone, see embeddings.py
        for suffix in (".json", ".parquet"):
            (folder / f"{name}{suffix}").unlink(missing_ok=True)


def list_selections(run: Run | Path) -> list[str]:
    """Names of the selections of a run."""
    return sorted(path.name.removesuffix(".json") for path in _as_run(run).selections.glob("*.json") if path.name[0] != ".")


def _as_run(run: Run | Path) -> Run:
    return run if isinstance(run, Run) else Run(Path(run))


def _files(run: Run, name: str) -> tuple[Path, Path]:
    check_name(name, "selection")
    return run.selections / f"{name}.npy", run.selections / f"{name}.json"


def _checked_indices(run: Run, name: str, indices: npt.ArrayLike) -> npt.NDArray[np.int64]:
    array = np.asarray(indices)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise RunError(f"selection {name!r} holds {array.dtype} values; give zero-based particle numbers")
    chosen = np.unique(array).astype(np.int64)
    count = read_manifest(run).particles
    if len(chosen) and (chosen[0] < 0 or chosen[-1] >= count):
        wrong = int(chosen[0] if chosen[0] < 0 else chosen[-1])
        raise RunError(f"selection {name!r} holds particle {wrong}, but {run.path} has particles 0 to {count - 1}")
    return chosen
