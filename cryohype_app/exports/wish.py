"""What a user asks to be exported."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from cryohype_model.errors import ConfigError
from cryohype_model.runs.layout import check_name

Form = Literal["maps", "halves", "star", "cs", "pkl", "script", "report"]
Method = Literal["automatic", "mean", "medoid", "neighbours", "linear"]
PARTICLE_FORMS: tuple[Form, ...] = ("star", "cs", "pkl")
SMALLEST_BOX_PX, LARGEST_BOX_PX = 8, 800


class Wish(BaseModel):
    """Particles and forms of one export."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("export", description="of the export; the date is put behind it")
    selections: tuple[str, ...] = Field((), description="names of stored selections")
    clusters: tuple[int, ...] = Field((), description="clusters of the analysis")
    particles: tuple[int, ...] = Field((), description="zero-based single particles")
    forms: frozenset[Form] = Field(
        frozenset({"maps", "script"}),
        description="maps: .mrc of the network; halves: back-projections with their half maps; star, cs, pkl: the particles; "
        "script: for ChimeraX, opens the maps; report: one HTML page",
    )
    method: Method = Field(
        "automatic",
        description="latent that is decoded; automatic: mean of a selection, medoid of a cluster, a particle's own; "
        "linear: the basis volumes make the map",
    )
    box_px: int | None = Field(None, description="box of the maps; none for the training box")
    low_pass_angstrom: float | None = Field(None, description="where a Gaussian low-pass falls to a half; none for no low-pass")
    place: Literal["zip", "folder"] = Field("zip", description="one file to download, or a folder in the run")

    @property
    def makes_maps(self) -> bool:
        """Whether the network has to make maps."""
        return bool(self.forms & {"maps", "report"})

    @property
    def backprojects(self) -> bool:
        """Whether the particles are back-projected: for half maps, and for what the report says of resolution."""
        return bool(self.forms & {"halves", "report"})

    @property
    def count(self) -> int:
        """How many structures are asked for."""
        return len(self.selections) + len(self.clusters) + len(self.particles)


def check_wish(wish: Wish) -> None:
    """Refuse what cannot be made, before anything is begun.

    Raises
    ------
    ConfigError, RunError : one sentence with what is missing or wrong.
    """
    check_name(wish.name, "export")
    if not wish.count:
        raise ConfigError("nothing is chosen to export; choose a selection, a cluster or a particle")
    if not wish.forms:
        raise ConfigError("no form is chosen; choose maps, particles or the report")
    if "script" in wish.forms and "maps" not in wish.forms:
        raise ConfigError("the ChimeraX script opens the maps; choose maps too, or leave the script out")
    box = wish.box_px
    if box is not None and (box % 2 or not SMALLEST_BOX_PX <= box <= LARGEST_BOX_PX):
        raise ConfigError(f"the box of the maps must be even and between {SMALLEST_BOX_PX} and {LARGEST_BOX_PX} px, not {box}")
    resolution = wish.low_pass_angstrom
    if resolution is not None and not 0 < resolution < float("inf"):
        raise ConfigError(f"a low-pass must be a positive number of Å, not {resolution:g}; leave it empty for none")
