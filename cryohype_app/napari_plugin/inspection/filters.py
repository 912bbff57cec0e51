"""New maps of the one that is inspected: a low-pass, a mask, the map within a mask, and the map without dust."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QCheckBox

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.inspection.choices import VolumeChoice, Volumes
from cryohype_app.napari_plugin.inspection.section import Section, button, number_box
from cryohype_app.napari_plugin.inspection.subject import Subject, frame_of
from cryohype_app.napari_plugin.inspection.work import afford
from cryohype_app.napari_plugin.layers import MapLayer, surface_level
from cryohype_model.errors import CryoHypeError, MetricError
from cryohype_model.metrics.evaluation import SAME_PIXEL_SIZE
from cryohype_model.metrics.lowpass import low_passed
from cryohype_model.metrics.mask import soft_mask
from cryohype_model.metrics.parts import largest_parts, without_dust

if TYPE_CHECKING:
    from napari.layers import Image

MASK_COLOUR, MASK_OPACITY = "#b8bcc4", 0.45
LOW_PASS_BYTES, MASK_BYTES, PARTS_BYTES = 20, 48, 16  # a voxel, at the peak


def _in_its_place(_made: Image, source: Image) -> None:
    """The new map is seen, the one that it was made of is not."""
    source.visible = False


class FiltersSection(Section):
    """Each button makes a new layer from the subject's map.

    Parameters
    ----------
    subject : the map. volumes : among which masks are.
    """

    def __init__(self, subject: Subject, volumes: Volumes) -> None:
        super().__init__("Filter and mask")
        self._subject, self._volumes = subject, volumes
        self._failed = subject.work.failed.emit
        self.resolution = number_box(0.1, 1000, 20, " Å", "resolution of the low-pass: a Gaussian that falls to a half there")
        self.low_pass = button("Low-pass", "A new layer without what is finer than the resolution; this one is hidden")
        self.dilation = number_box(0, 500, 0, " Å", "how far the mask reaches beyond the surface")
        self.edge = number_box(0, 500, 10, " Å", "width of the mask's soft edge; 0 makes it binary")
        self.largest = QCheckBox("largest part only")
        self.largest.setToolTip("Leave out everything that is not connected with the largest part above the level")
        self.mask = button("Make mask", "A new layer: 1 above the level, falling to 0 along the soft edge")
        self.chosen_mask = VolumeChoice(volumes, "mask that the map is multiplied with", none="none yet")
        self.apply = button("Apply", "A new layer: the map multiplied with the mask; this one is hidden")
        self.least = number_box(0, 1e9, 1000, " Å³", "parts smaller than this are dust", 0)
        self.dust = button("Hide dust", "A new layer in which the small parts above the level are gone; this one is hidden")
        self.add_row("Low-pass", self.resolution, self.low_pass)
        self.add_row("Dilate", self.dilation, "edge", self.edge)
        self.add_row(self.largest, self.mask)
        self.add_row("Mask with", self.chosen_mask, self.apply)
        self.add_row("Smallest part", self.least, self.dust)
        self.low_pass.clicked.connect(self.make_low_pass)
        self.mask.clicked.connect(self.make_mask)
        self.apply.clicked.connect(self.make_masked)
        self.dust.clicked.connect(self.make_dustless)
        subject.changed.connect(self._changed)
        self._changed()

    def make_low_pass(self) -> None:
        """The map without what is finer than the resolution."""
        resolution = float(self.resolution.value())

        def compute(found: MapLayer) -> MapLayer:
            afford("a low-pass", found.array.size, LOW_PASS_BYTES)
            array = low_passed(found.array, found.pixel_size_angstrom, resolution)
            return _made(found, array, f"{found.name}, {resolution:g} Å", {"low_pass_angstrom": resolution})

        self._make(f"low-pass to {resolution:g} Å", compute)

    def make_mask(self) -> None:
        """1 above the level, with the dilation and the soft edge that were chosen."""
        level, largest = self._subject.level, self.largest.isChecked()
        dilation, edge = float(self.dilation.value()), float(self.edge.value())

        def compute(found: MapLayer) -> MapLayer:
            afford("a mask", found.array.size, MASK_BYTES)
            pixel, facts = found.pixel_size_angstrom, {"mask_level": level, "dilation_angstrom": dilation, "edge_angstrom": edge}
            source, at = found.array, level
            if largest:
                source, at = largest_parts(found.array, level, None, pixel).astype(np.float32), 0.5
            made = soft_mask(source, at, dilation / pixel, edge / pixel)
            return replace(found, array=made, name=f"mask of {found.name}", level=0.5, colour=MASK_COLOUR, facts=facts)

        self._make("making the mask", compute, self._keep_mask)

    def make_masked(self) -> None:
        """The map times the mask."""
        layer = self.chosen_mask.layer
        if layer is None:
            self._failed("no mask is chosen; make one from the level, or open its file")
            return
        try:
            mask = layers.map_of(layer, frame_of(self._subject.viewer, layer))
        except CryoHypeError as error:
            self._failed(str(error))
            return
        level = self._subject.level

        def compute(found: MapLayer) -> MapLayer:
            _check_grid(found, mask)
            facts = {"mask": mask.name}
            return replace(_made(found, found.array * mask.array, f"{found.name} in {mask.name}", facts), level=level)

        self._make("masking", compute)

    def make_dustless(self) -> None:
        """The map without its small parts."""
        level, least = self._subject.level, float(self.least.value())

        def compute(found: MapLayer) -> MapLayer:
            afford("finding the parts of a map", found.array.size, PARTS_BYTES)
            array = without_dust(found.array, level, least, found.pixel_size_angstrom)
            made = _made(found, array, f"{found.name} without dust", {"least_part_angstrom3": least})
            return replace(made, level=level)

        self._make("hiding the dust", compute)

    def _keep_mask(self, mask: Image, source: Image) -> None:
        """The new mask is seen through, is the one to apply, and the map stays the one that is inspected."""
        mask.opacity = MASK_OPACITY
        self._subject.viewer.layers.selection.active = source
        self.chosen_mask.choose(mask)

    def _make(
        self, says: str, compute: Callable[[MapLayer], MapLayer], keep: Callable[[Image, Image], None] = _in_its_place
    ) -> None:
        found, layer = self._subject.map, self._subject.layer
        if found is None or layer is None:
            self._failed("there is no map; choose a layer first")
            return

        def done(made: MapLayer) -> None:
            if self._volumes.holds(layer):
                keep(layers.add(self._subject.viewer, made), layer)
            else:
                self._failed(f"{found.name} was removed during {says}, so nothing was added")

        self._subject.work.ask("filter", says, lambda: compute(found), done)

    def _changed(self) -> None:
        self.body.setEnabled(self._subject.map is not None)
        if (found := self._subject.map) is not None:
            self.resolution.setMinimum(round(2 * found.pixel_size_angstrom, 1))


def _made(found: MapLayer, array: layers.Map, name: str, facts: dict[str, Any]) -> MapLayer:
    """A map in another's place, at its own level."""
    return replace(found, array=array, name=name, level=surface_level(array), facts=facts)


def _check_grid(found: MapLayer, mask: MapLayer) -> None:
    """Refuse a mask of another grid."""
    of_map, of_mask = (f"{_box(one)} px of {one.pixel_size_angstrom:.4g} Å" for one in (found, mask))
    ratio = mask.pixel_size_angstrom / found.pixel_size_angstrom
    if mask.array.shape != found.array.shape or abs(ratio - 1) > SAME_PIXEL_SIZE:
        raise MetricError(f"{mask.name} has {of_mask} and {found.name} has {of_map}; make the mask on the map's own grid")


def _box(found: MapLayer) -> str:
    return " × ".join(str(side) for side in reversed(found.array.shape))
