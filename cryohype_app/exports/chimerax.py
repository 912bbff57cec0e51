"""A ChimeraX script that opens the maps of an export as the browser shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

HALF_ANGLE_DEG = 15.0  # frontend/viewer/src/pose.js: half of what the picture shows; ChimeraX's own angle of 30° is the same


@dataclass(frozen=True)
class ScriptedMap:
    """A map to open: its path relative to the script, what it is called, its look."""

    path: str
    name: str
    colour: str
    level: float | None
    box_angstrom: float


def chimerax_script(maps: Sequence[ScriptedMap], title: str) -> str:
    """The text of a .cxc file. ChimeraX runs it from its own folder, so relative paths are found.

    Parameters
    ----------
    maps : in the order of their model numbers. title : said in a comment.
    """
    last = len(maps)
    lines = [
        f"# {_one_line(title)}, exported by CryoHype: open this file in an empty ChimeraX session",
        *(f"open {_quoted(item.path)} id {number} name {_quoted(item.name)}" for number, item in enumerate(maps, start=1)),
        *(_look(item, number) for number, item in enumerate(maps, start=1)),
        "lighting soft",
        "set bgColor white",
        "graphics silhouettes true",
        *([f"hide #2{f'-{last}' if last > 2 else ''} models"] if last > 1 else []),
        "view",
        _front_view(max(item.box_angstrom for item in maps)),
    ]
    if last > 1:
        lines += [
            "# the first map is shown; to step through all of them, or to see them side by side:",
            f"#   mseries slider #1-{last}",
            f"#   show #1-{last} models; tile",
        ]
    return "\n".join(lines) + "\n"


def _look(item: ScriptedMap, number: int) -> str:
    level = "" if item.level is None else f" level {item.level:.6g}"
    return f"volume #{number} style surface step 1{level} color {item.colour}"


def _front_view(box_angstrom: float) -> str:
    """The camera of the browser's front view: on +z, x to the right, y up, the whole box in view; maps begin at the origin."""
    middle = box_angstrom / 2
    distance = box_angstrom / 2 / math.tan(math.radians(HALF_ANGLE_DEG))
    numbers = (1, 0, 0, middle, 0, 1, 0, middle, 0, 0, 1, middle + distance)
    return "view matrix camera " + ",".join(f"{number:.5g}" for number in numbers)


def _quoted(text: str) -> str:
    return '"' + _one_line(text).replace("\\", "/").replace('"', "'") + '"'


def _one_line(text: str) -> str:
    return " ".join(text.split())
