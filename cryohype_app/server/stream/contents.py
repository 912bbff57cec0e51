"""What a viewer may choose from in a run."""

from __future__ import annotations

from typing import Any

from cryohype_app.frame import LatentFrame
from cryohype_app.plots.palette import category_colour
from cryohype_app.server.api.lookup import run_of
from cryohype_app.server.api.problem import printable
from cryohype_app.services import Services
from cryohype_app.state import stored_colour
from cryohype_model.errors import CryoHypeError
from cryohype_model.runs.layout import Run
from cryohype_model.runs.selections import list_selections, read_selection_facts
from cryohype_model.runs.volumes import list_volume_series, read_volume_series


def contents(services: Services, run_id: str) -> dict[str, Any]:
    """Clusters, stored selections and series of a run, JSON values; what cannot be read hides nothing else.

    Raises
    ------
    CryoHypeError : no such run.
    """
    run = run_of(services, run_id)
    analyses = services.data.latents(run_id)
    clusters = _clusters(services.data.frame(run_id, analyses[0])) if analyses else []
    selections = [found for name in list_selections(run) if (found := _selection(run, name))]
    series = [found for name in list_volume_series(run) if (found := _series(run, name))]
    return {"clusters": clusters, "selections": selections, "series": series}


def _clusters(frame: LatentFrame) -> list[dict[str, Any]]:
    if "cluster" not in frame.colours:
        return []
    sizes = frame.sizes("cluster")
    return [{"cluster": name, "count": sizes[name], "colour": category_colour(name)} for name in sorted(sizes) if name >= 0]


def _selection(run: Run, name: str) -> dict[str, Any] | None:
    try:
        facts = read_selection_facts(run, name)
    except CryoHypeError:
        return None
    return {"name": printable(name), "count": int(facts["count"]), "colour": stored_colour(facts["origin"])}


def _series(run: Run, name: str) -> dict[str, Any] | None:
    try:
        return {"name": printable(name), "count": len(read_volume_series(run, name))}
    except CryoHypeError:
        return None
