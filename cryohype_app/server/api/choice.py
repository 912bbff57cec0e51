"""Which particles a request means."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from cryohype_app.lasso import Rows, under_polygon
from cryohype_app.query import rows_where
from cryohype_app.server.api.lookup import column_of, frame_of, run_of, selection_run
from cryohype_app.services import Services
from cryohype_model.errors import RunError
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.selections import read_selection

MOST_CORNERS = 2000  # a lasso may cross itself, at a cost that grows with their square
LONGEST_QUERY = 1000
WAYS = ("particles", "polygon", "cluster", "query", "selection")


class ParticleChoice(BaseModel):
    """Which particles: exactly one of the five ways."""

    model_config = ConfigDict(extra="forbid")

    particles: list[int] | None = Field(None, description="zero-based particle numbers")
    polygon: list[tuple[float, float]] | None = Field(None, description="corners of a lasso in the latent picture")
    cluster: int | None = Field(None, description="a cluster of the analysis")
    query: str | None = Field(None, description="a condition such as: loss < 0.6 and cluster == 3")
    selection: str | None = Field(None, description="name of a stored selection")
    x_axis: str = Field("umap_x", description="column along x, for a polygon")
    y_axis: str = Field("umap_y", description="column along y, for a polygon")


def chosen(services: Services, run_id: str, wanted: ParticleChoice, checkpoint: str | None = None) -> tuple[Rows, dict[str, Any]]:
    """(n,) the particles, ascending, and how they were found.

    Parameters
    ----------
    checkpoint : whose analysis is meant; None for the newest.

    Raises
    ------
    CryoHypeError : no such run, column, cluster or selection, or an impossible particle or lasso.
    """
    given = [way for way in WAYS if getattr(wanted, way) is not None]
    if len(given) != 1:
        raise RunError(f"give exactly one of {', '.join(WAYS)}, not {' and '.join(given) or 'none'}")
    if wanted.particles is not None:
        return _listed(services, run_id, wanted.particles), {"kind": "list"}
    if wanted.selection is not None:
        run = selection_run(services, run_id, wanted.selection)
        return read_selection(run, wanted.selection), {"kind": "stored", "name": wanted.selection}
    frame = frame_of(services, run_id, checkpoint)
    seen = {"checkpoint": frame.space.checkpoint}
    if wanted.polygon is not None:
        if len(wanted.polygon) > MOST_CORNERS:
            raise RunError(f"a lasso has at most {MOST_CORNERS} corners, not {len(wanted.polygon)}; leave some out")
        x, y = column_of(frame, wanted.x_axis), column_of(frame, wanted.y_axis)
        place = {"polygon": wanted.polygon, "x_axis": wanted.x_axis, "y_axis": wanted.y_axis}
        with np.errstate(all="ignore"):  # corners need not be numbers of float32
            return under_polygon(x, y, wanted.polygon), {"kind": "lasso", **place, **seen}
    if wanted.query is not None:
        if len(wanted.query) > LONGEST_QUERY:
            raise RunError(f"a condition has at most {LONGEST_QUERY} characters, not {len(wanted.query)}; write a shorter one")
        return rows_where(frame, wanted.query), {"kind": "query", "query": wanted.query, **seen}
    cluster = int(wanted.cluster or 0)
    return np.flatnonzero(column_of(frame, "cluster") == cluster), {"kind": "cluster", "cluster": cluster, **seen}


def _listed(services: Services, run_id: str, numbers: list[int]) -> Rows:
    count = read_manifest(run_of(services, run_id)).particles
    wrong = [number for number in (min(numbers, default=0), max(numbers, default=0)) if not 0 <= number < count]
    if wrong and numbers:
        raise RunError(f"there is no particle {wrong[0]}; the run has particles 0 to {count - 1}")
    return np.unique(np.asarray(numbers, np.int64))
