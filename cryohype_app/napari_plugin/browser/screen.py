"""Maps of a run as layers: read in a thread, added one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.browser.work import Work
from cryohype_app.napari_plugin.folders import Group
from cryohype_app.napari_plugin.layers import MapLayer, surface_level
from cryohype_app.napari_plugin.reader import read_group
from cryohype_model.errors import CryoHypeError

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


@dataclass(frozen=True, eq=False)
class Read:
    """What became of a group: a layer to be, or none; and what the user should know."""

    group: Group
    shown: MapLayer | None
    notes: tuple[str, ...] = ()


class Screen:
    """Shows maps in a viewer; a map that is shown already keeps its layer, as the user set it.

    Parameters
    ----------
    owner : the widget with which the work ends. tell : called with what the user should know. busy : called with what is being
    read, at the end with nothing.
    """

    def __init__(self, owner: QObject, viewer: Viewer, tell: Callable[[str], None], busy: Callable[[str], None]) -> None:
        self._viewer, self._tell, self._busy = viewer, tell, busy
        self._work = Work(owner, lambda error: tell(str(error)), self._end)
        self._chosen: list[Image] = []

    def show(self, groups: Sequence[Group], alone: bool) -> None:
        """Read maps and show them.

        Parameters
        ----------
        alone : hide every other map.
        """
        self._chosen = []
        self._busy(f"reading {groups[0].name}" if groups else "")
        self._work.ask(lambda: _read(groups), lambda read: self._add(read, len(groups), alone))

    def side_by_side(self, on: bool) -> None:
        """Visible layers beside each other, turned by one camera."""
        layers.set_grid(self._viewer, on)
        self._viewer.reset_view(reset_camera_angle=False)

    def _end(self) -> None:
        self._busy("")
        if layers.is_grid(self._viewer):
            self._viewer.reset_view(reset_camera_angle=False)  # its cells became smaller

    def _add(self, read: Read, count: int, alone: bool) -> None:
        for note in read.notes:
            self._tell(note)
        if read.shown is None:
            return
        key = key_of(read.group)
        layer = layers.find(self._viewer, key)
        if layer is None or layer.metadata[layers.KEY].get("changed") != (read.shown.facts or {}).get("changed"):
            layer = layers.show(self._viewer, read.shown, key)
        self._chosen.append(layer)
        if alone:
            layers.show_only(self._viewer, self._chosen)
        else:
            layer.visible = True
        self._viewer.layers.selection.active = layer
        self._busy(f"{len(self._chosen)} of {count} maps" if count > 1 else "")


def key_of(group: Group) -> str:
    """By which the layer of a group is found again."""
    return "|".join(str(file.path) for file in group.files)


def _read(groups: Sequence[Group]) -> Iterator[Read]:
    """What cannot be read is told, and hides nothing else."""
    for group in groups:
        notes: list[str] = []
        try:
            shown = read_group(group, notes.append)
        except CryoHypeError as error:
            yield Read(group, None, (str(error),))
            continue
        first = shown.array[0] if shown.array.ndim == 4 else shown.array
        level = surface_level(first) if shown.level is None else shown.level  # here, where nobody waits for it
        yield Read(group, replace(shown, level=level), tuple(notes))
