"""latents/<checkpoint>/quality.json: how far its particles support the map of each cluster (docs/metrics.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cryohype_model.errors import RunError
from cryohype_model.io.atomic import write_atomically
from cryohype_model.runs.latents import LatentSpace
from cryohype_model.runs.layout import RUN_FORMAT_VERSION
from cryohype_model.runs.manifest import utc_now

FILE = "quality.json"
CURVES = "quality_curves.csv"


class ConfirmedShare(BaseModel):
    """The share of what a map claims in some shells that is in its particles: 1 of a right map, 0 of an invention."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float = Field(description="the share")
    error: float = Field(description="its standard error")
    coarsest_angstrom: float = Field(description="of the shells")
    finest_angstrom: float = Field(description="of the shells")


class ClusterQuality(BaseModel):
    """One map of a cluster beside the particles of that cluster."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: int = Field(ge=0, description="cluster that the map stands for")
    method: Literal["medoid", "mean", "linear"] = Field(description="which latent was decoded, or linear")
    series: str = Field(description="volume series that holds the map")
    file: str = Field(description="name of the .mrc in it")
    particles: int = Field(ge=0, description="particles of the cluster")
    carried_angstrom: float | None = Field(description="where the FSC of the half maps falls below 0.143; none: not defined")
    agreed_angstrom: float | None = Field(description="where the FSC of map and particles falls below 0.5")
    agreement: float | None = Field(description="mean FSC of map and particles over the best possible, where they carry signal")
    within: ConfirmedShare | None = Field(description="what is confirmed of the detail where map and particles no longer agree")
    beyond: ConfirmedShare | None = Field(description="what is confirmed of the detail beyond what the particles carry")
    beyond_power: ConfirmedShare | None = Field(description="share of the power there that the half maps know of")
    warned: bool = Field(description="whether the map should not be taken for what its particles show")
    verdicts: tuple[str, ...] = Field(description="supported, coarser, disagrees, unsupported detail, or why there is none")
    sentence: str = Field(description="the same for people")


_MAPS = TypeAdapter(tuple[ClusterQuality, ...])


@dataclass(frozen=True)
class QualityTable:
    """What was found for each map, and how."""

    path: Path
    maps: tuple[ClusterQuality, ...]
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def warned(self) -> list[ClusterQuality]:
        """The maps that should not be taken for what their particles show."""
        return [one for one in self.maps if one.warned]

    @property
    def defined(self) -> list[ClusterQuality]:
        """The maps whose particles are enough to say anything."""
        return [one for one in self.maps if one.carried_angstrom is not None]

    def read_curves(self) -> pd.DataFrame:
        """One row a shell of each map: cluster, method, frequency_1_per_angstrom, half_fsc, ceiling, map_fsc, claimed_fsc.

        Raises
        ------
        RunError : the file is gone or damaged.
        """
        path = self.path.with_name(CURVES)
        try:
            return pd.read_csv(path)
        except (OSError, ValueError):
            raise RunError(f"{path} is missing or damaged; run `cryohype analyze` again") from None


def write_quality(space: LatentSpace, maps: Sequence[ClusterQuality], curves: pd.DataFrame, meta: dict[str, Any]) -> QualityTable:
    """Store what was found beside the latents: the curves, and last the .json.

    Parameters
    ----------
    curves : as :meth:`QualityTable.read_curves` returns them. meta : how it was made, JSON values.
    """
    path = space.path / FILE
    path.unlink(missing_ok=True)
    write_atomically(path.with_name(CURVES), curves.to_csv(index=False, float_format="%.6g"))
    fixed = {"format_version": RUN_FORMAT_VERSION, "created": utc_now().isoformat(), "checkpoint": space.checkpoint}
    facts = meta | fixed
    content = facts | {"maps": [one.model_dump(mode="json") for one in maps]}
    write_atomically(path, json.dumps(content, indent=2) + "\n")
    return QualityTable(path, tuple(maps), facts)


def read_quality(space: LatentSpace) -> QualityTable:
    """What the analysis found of its maps.

    Raises
    ------
    RunError : it was not asked for, or is damaged or of another format version.
    """
    path = space.path / FILE
    try:
        facts = dict(json.loads(path.read_text(encoding="utf-8")))
        version = facts["format_version"]
        if version != RUN_FORMAT_VERSION:
            raise RunError(f"{path} has format version {version}, not {RUN_FORMAT_VERSION}; run `cryohype analyze` again")
        maps = _MAPS.validate_python(facts.pop("maps"))
    except FileNotFoundError:
        raise RunError(f"{space.path} holds no quality of its maps; make it with `cryohype analyze`") from None
    except (OSError, TypeError, ValueError, KeyError, ValidationError):
        raise RunError(f"{path} is damaged; run `cryohype analyze` again") from None
    return QualityTable(path, maps, facts)
