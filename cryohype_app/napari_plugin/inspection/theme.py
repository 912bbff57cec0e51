"""Colours of the pictures in a widget: those of napari's theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.utils.theme import get_theme

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True)
class Colours:
    """As "#rrggbb": behind everything, of words, of lines that are looked at, of faint ones, and of problems."""

    background: str
    text: str
    accent: str
    faint: str
    problem: str


def colours_of(viewer: Viewer) -> Colours:
    """The colours of the theme that a viewer has now."""
    theme = get_theme(str(viewer.theme))
    background, text, faint = (_hex(colour) for colour in (theme.background, theme.text, theme.highlight))
    accent, problem = ("#ff9d3c", "#ff7b72") if theme.type == "dark" else ("#c2410c", "#b42318")
    return Colours(background, text, accent, faint, problem)


def _hex(colour: object) -> str:
    red, green, blue = colour.as_rgb_tuple()[:3]  # type: ignore[attr-defined]  # pydantic_extra_types.color.Color
    return f"#{red:02x}{green:02x}{blue:02x}"
