"""Series of maps that the run keeps: of clusters' medoids, of paths, and what `cryohype volumes` wrote."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from cryohype_app.server.api.binary import file_answers
from cryohype_app.server.api.lookup import RunId, run_of
from cryohype_app.server.api.problem import NotThereError, printable, refusals
from cryohype_app.services import Services
from cryohype_model.errors import CryoHypeError
from cryohype_model.runs.layout import Run, check_name
from cryohype_model.runs.volumes import VolumeEntry, VolumeSeries, list_volume_series, read_volume_series

Name = Annotated[str, Path(description="name of the series")]
File = Annotated[str, Path(description="name of the map in the series")]


class SeriesFacts(BaseModel):
    """A stored series of maps."""

    name: str
    created: str = Field(description="when it was made, UTC")
    maps: list[VolumeEntry] = Field(description="what each is of, and how it was made")
    problem: str = Field("", description="why it cannot be read, or empty")


def router(services: Services) -> APIRouter:
    """Routes under /runs/{run_id}/series."""
    routes = APIRouter(prefix="/runs/{run_id}/series", tags=["volumes"])

    @routes.get("", responses=refusals(404, 422))
    def list_series(run_id: RunId) -> list[SeriesFacts]:
        """Every series of a run with its maps."""
        run = run_of(services, run_id)
        return [_facts(run, name) for name in list_volume_series(run)]

    @routes.get("/{name}/{file}", response_class=FileResponse, responses=file_answers("The map, .mrc") | refusals(404, 422))
    def download_series_map(run_id: RunId, name: Name, file: File) -> FileResponse:
        """One of its maps, as .mrc."""
        series = series_of(services, run_id, name)
        entry = next((entry for entry in series.entries if entry.file == file), None)
        path = None if entry is None else services.roots.checked(series.map_path(entry))
        if path is None or not path.is_file():
            raise NotThereError(f"the series {name!r} has no map {file!r}; GET …/series tells those that there are")
        return FileResponse(path, filename=file, media_type="application/octet-stream")

    return routes


def series_of(services: Services, run_id: str, name: str) -> VolumeSeries:
    """A series of a run.

    Raises
    ------
    NotThereError : no such run or series. RunError : it is damaged.
    """
    run = run_of(services, run_id)
    if check_name(name, "volume series") not in (known := list_volume_series(run)):
        raise NotThereError(f"{run.path.name} has no series {name!r}; there are: {', '.join(known) or 'none'}")
    return read_volume_series(run, name)


def _facts(run: Run, name: str) -> SeriesFacts:
    """What is known of a series; a damaged one hides no other."""
    told: dict[str, Any] = {"name": printable(name), "created": "", "maps": []}
    try:
        series = read_volume_series(run, name)
    except CryoHypeError as error:
        return SeriesFacts(**told, problem=printable(str(error)))
    return SeriesFacts(**told | {"created": str(series.meta.get("created", "")), "maps": list(series.entries)})
