"""Maps from the dashboard as layers: one that follows the browser, others that stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.layers import MapLayer
from cryohype_app.napari_plugin.live.assembly import lack_of_memory
from cryohype_app.napari_plugin.live.events import Arrived

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


class Screen:
    """What arrived, shown in a viewer."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def show(self, arrived: Arrived) -> str:
        """Show a map in the layer of its slot, or in its place of a series; returns why it cannot be, or nothing."""
        head = arrived.head
        facts = {
            "volume_id": head.volume_id, "run": head.run_name, "how": head.how, "stage": head.stage, "whole": head.last,
            "precision": "float16" if head.dtype == "<f2" else "float32",
        }  # fmt: skip
        shown = MapLayer(arrived.array, head.pixel_size_angstrom, head.name, head.origin_angstrom, head.colour, head.level, facts)
        if head.series is None:
            layers.show(self._viewer, shown, head.slot)
            return ""
        problem = lack_of_memory(head.name, arrived.array.nbytes * head.series.count)
        if not problem:
            layers.show_frame(self._viewer, shown, head.series.id, head.series.number, head.series.count)
        return problem

    def keep(self) -> str:
        """What the browser shows next gets a layer of its own; the chosen layers stay as they are."""
        chosen = self._chosen()
        for layer in chosen:
            layers.keep(layer)
        return "" if chosen else "Choose a map in the list of layers first."

    def hide_the_rest(self) -> str:
        """Only the chosen layers are seen."""
        chosen = self._chosen()
        if not chosen:
            return "Choose the maps that are to be seen in the list of layers first."
        for layer in self._viewer.layers:
            layer.visible = layer in chosen
        return ""

    def side_by_side(self, on: bool) -> str:
        """Two chosen layers beside each other, turned by one camera."""
        if on and len(self._chosen()) != 2:
            return "Choose two maps in the list of layers first, with Ctrl."
        if on:
            self.hide_the_rest()
        layers.set_grid(self._viewer, on)
        return ""

    def _chosen(self) -> list[Image]:
        return [layer for layer in self._viewer.layers if layer in self._viewer.layers.selection and layers.is_map(layer)]
