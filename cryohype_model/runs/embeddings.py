"""latents/<checkpoint>/embeddings/: pictures of the particles of one stored selection alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cryohype_model.errors import CryoHypeError, RunError
from cryohype_model.io.arrays import first_line
from cryohype_model.io.atomic import write_atomically
from cryohype_model.runs.latents import LatentSpace
from cryohype_model.runs.layout import RUN_FORMAT_VERSION, Run, check_name
from cryohype_model.runs.manifest import utc_now
from cryohype_model.runs.selections import read_selection

FOLDER = "embeddings"
FEWEST_PARTICLES = 10


@dataclass(frozen=True)
class Embedding:
    """A read handle on the embedding of one selection.

    Attributes
    ----------
    name : of the selection. path : of its .json.
    meta : count, created, and how it was made.
    """

    name: str
    path: Path
    meta: dict[str, Any]

    def read(self, *columns: str) -> pd.DataFrame:
        """One row a particle of the selection.

        Parameters
        ----------
        columns : index, or some of the axes; all of them where none is named.

        Raises
        ------
        RunError : missing, damaged, or not of as many particles as its .json tells.
        """
        from pyarrow import ArrowException

        path = _parquet(self.path)
        try:
            table = pd.read_parquet(path, columns=list(columns) or ["index", *self.axes])
        except (OSError, ValueError, ArrowException) as error:
            raise RunError(f"{path} is missing or damaged ({first_line(error)}); {_remedy(self.name)}") from None
        if len(table) != self.meta.get("count"):
            raise RunError(f"{path} does not hold the particles that its .json tells of; {_remedy(self.name)}")
        return table

    @property
    def axes(self) -> tuple[str, ...]:
        """Columns that can be an axis of its picture: umap_x and umap_y, then the components of these particles alone, pc1 …."""
        return tuple(str(name) for name in self.meta.get("axes", ()))


def rows_to_embed(run: Run, name: str) -> npt.NDArray[np.int64]:
    """(n,) the particles of a selection that is large enough to be embedded.

    Raises
    ------
    RunError : no such selection, or too few particles.
    """
    rows = read_selection(run, name)
    if len(rows) < FEWEST_PARTICLES:
        raise RunError(f"the selection {name!r} has {len(rows)} particles, a UMAP needs at least {FEWEST_PARTICLES}; select more")
    return rows


def write_embedding(space: LatentSpace, name: str, table: pd.DataFrame, facts: dict[str, Any]) -> Embedding:
    """Store the embedding of a selection; an older one is replaced.

    Parameters
    ----------
    space : whose components were embedded.
    name : of the selection, which is still there.
    table : (n rows) index and the axes.
    facts : how it was made, JSON values.

    Raises
    ------
    RunError : the latents were made anew meanwhile, or the selection is gone or another one.
    """
    if not np.array_equal(read_selection(_run(space), name), table["index"]):
        raise RunError(f"the selection {name!r} was changed meanwhile; {_remedy(name)}")
    if LatentSpace(space.path).meta.get("created") != space.meta.get("created"):
        raise RunError(f"{space.path} was analysed anew meanwhile; {_remedy(name)}")
    path = _file(space, name)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)  # what makes it be listed, first
    axes = [column for column in table if column != "index"]
    fixed = {"format_version": RUN_FORMAT_VERSION, "count": len(table), "created": utc_now().isoformat(), "axes": axes}
    of = {"selection": name, "particles_sha256": _digest(table["index"]), "latents_created": space.meta.get("created")}
    meta = facts | fixed | of
    write_atomically(_parquet(path), table.to_parquet(index=False))
    write_atomically(path, json.dumps(meta, indent=2) + "\n")
    return Embedding(name, path, meta)


def list_embeddings(space: LatentSpace) -> list[Embedding]:
    """The embeddings that are still true, by name: of these latents, and of selections that are as they were."""
    found = [_found(space, path) for path in sorted((space.path / FOLDER).glob("*.json")) if path.name[0] != "."]
    return [embedding for embedding in found if embedding is not None]


def read_embedding(space: LatentSpace, name: str) -> Embedding:
    """The embedding of a selection.

    Raises
    ------
    RunError : there is none that is still true.
    """
    check_name(name, "selection")
    path = _file(space, name)
    embedding = _found(space, path) if path.is_file() else None
    if embedding is None:
        raise RunError(f"{space.path} has no embedding of the selection {name!r}; {_remedy(name)}")
    return embedding


def _found(space: LatentSpace, path: Path) -> Embedding | None:
    """The embedding, or None where it is damaged, of another version, or no longer of what is there."""
    name = path.name.removesuffix(".json")
    try:
        meta = dict(json.loads(path.read_text(encoding="utf-8")))
        digest = _digest(read_selection(_run(space), name))
    except (OSError, ValueError, CryoHypeError):
        return None
    is_true = (
        meta.get("format_version") == RUN_FORMAT_VERSION
        and meta.get("latents_created") == space.meta.get("created")
        and meta.get("particles_sha256") == digest
    )
    return Embedding(name, path, meta) if is_true else None


def _digest(rows: npt.ArrayLike) -> str:
    """Of which particles an embedding is."""
    return hashlib.sha256(np.asarray(rows, dtype="<i8").tobytes()).hexdigest()


def _run(space: LatentSpace) -> Run:
    return Run(space.path.parents[1])


def _file(space: LatentSpace, name: str) -> Path:
    return space.path / FOLDER / f"{name}.json"


def _parquet(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".json") + ".parquet")


def _remedy(name: str) -> str:
    return f"embed {name!r} again"
