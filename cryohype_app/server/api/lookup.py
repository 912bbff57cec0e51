"""From what an address names to what is on disk; what is not there is told as such, and nothing outside of the roots is."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from cryohype_app.frame import Column, LatentFrame
from cryohype_app.jobs.job import Job
from cryohype_app.server.api.problem import NotThereError
from cryohype_app.services import Services
from cryohype_model.errors import RunError
from cryohype_model.runs.layout import Run, check_name
from cryohype_model.runs.selections import list_selections

RunId = Annotated[str, Path(description="identity of the run, as GET /runs tells")]
JobId = Annotated[str, Path(description="identity of the job, as GET /jobs tells")]
Analysis = Annotated[str | None, Query(description="checkpoint whose analysis is meant; without it, the newest")]


def run_of(services: Services, run_id: str) -> Run:
    """The run of an identity.

    Raises
    ------
    NotThereError : there is none. InputFileError : its folder is a link to outside of the server's folders.
    """
    try:
        run = services.data.run(run_id)
    except RunError as error:
        raise NotThereError(str(error)) from None
    services.roots.checked(run.path)
    return run


def job_of(services: Services, job_id: str) -> Job:
    """The job of an identity.

    Raises
    ------
    NotThereError : there is none.
    """
    try:
        return services.jobs.get(job_id)
    except RunError as error:
        raise NotThereError(str(error)) from None


def selection_run(services: Services, run_id: str, name: str | None = None) -> Run:
    """The run whose selections are meant; with a name, it holds this selection.

    Raises
    ------
    NotThereError : there is none. RunError : no selection can have this name.
    InputFileError : the selections' folder is a link to outside of the server's folders.
    """
    run = run_of(services, run_id)
    services.roots.checked(run.selections)
    if name is not None and check_name(name, "selection") not in (known := list_selections(run)):
        raise NotThereError(f"{run.path.name} has no selection {name!r}; there are: {', '.join(known) or 'none'}")
    return run


def frame_of(services: Services, run_id: str, checkpoint: str | None = None) -> LatentFrame:
    """The latent space of an analysis.

    Raises
    ------
    NotThereError : no such run, or not analysed. InputFileError : the latents are a link to outside of the server's folders.
    """
    run = run_of(services, run_id)
    services.roots.checked(run.latents)
    known = services.data.latents(run_id)
    if not known or checkpoint not in (None, *known):
        what = "was not analysed yet" if not known else f"has no analysis of {checkpoint!r}; there are: {', '.join(known)}"
        raise NotThereError(f"{run.path.name} {what}")
    return services.data.frame(run_id, checkpoint)


def axes_of(frame: LatentFrame) -> tuple[str, ...]:
    """Axes of the picture of all particles, then those of stored selections alone, ``NAME/umap_x``; reads the disk."""
    return (*frame.axes, *(axis for space in frame.spaces() for axis in frame.axes_of(space)))


def column_of(frame: LatentFrame, name: str) -> Column:
    """(N,) a column that can be an axis or a colour; one of the particles' own may take seconds to read.

    Raises
    ------
    NotThereError : there is none. CryoHypeError : it is one of the particles' own, and their file cannot be read.
    """
    if name in frame.axes or name in frame.colours:
        return frame.column(name)
    known = (*axes_of(frame), *frame.colours, *frame.particle_colours)
    if name not in known:
        raise NotThereError(f"there is no column {name!r}; there are: {', '.join(known)}")
    return frame.column(name)
