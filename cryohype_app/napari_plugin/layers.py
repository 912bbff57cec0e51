"""The only module that makes and alters layers: maps in Å, named and coloured, seen with the hand that they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import MetricError
from cryohype_model.metrics.threshold import otsu_level

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.utils.colormaps import Colormap
    from napari.viewer import Viewer

Map = npt.NDArray[np.float32]
Xyz = tuple[float, float, float]
COLOUR = "#6ea8e8"  # the browser's, of a surface without one
BRIGHT_SHARE = 0.9  # of the densities above the level that the colour reaches before it is at its lightest
MOST_SAMPLED = 100_000
CUBE_TOLERANCE = 1.01  # sides of a voxel that differ by more make no cube
KEY = "cryohype"  # in the metadata of a layer
PLANE = "cryohype plane"  # in that of a plane
RIGHT_HANDED = ("towards", "up", "right")  # z, y, x as ChimeraX and the browser show them: no map is mirrored


@dataclass(frozen=True, eq=False)
class MapLayer:
    """A map, or a series of maps along a first axis, as it is to be shown.

    Attributes
    ----------
    array : (z, y, x) or (t, z, y, x) float32. origin_angstrom : (x, y, z) of voxel [0, 0, 0].
    level : of the surface; None for Otsu's. facts : kept in the layer's metadata, JSON values.
    voxel_angstrom : (x, y, z) sides of a voxel that is no cube.
    """

    array: Map
    pixel_size_angstrom: float
    name: str
    origin_angstrom: Xyz = (0.0, 0.0, 0.0)
    colour: str = COLOUR
    level: float | None = None
    facts: dict[str, Any] | None = None
    voxel_angstrom: Xyz | None = None


def layer_tuple(shown: MapLayer, visible: bool = True) -> tuple[Map, dict[str, Any], str]:
    """(values, arguments, "image"): what a napari reader returns."""
    return shown.array, _arguments(shown) | {"visible": visible}, "image"


def add(viewer: Viewer, shown: MapLayer, key: str = "") -> Image:
    """A new layer, in front; the view turns to three dimensions with the first map. ``key`` finds it again."""
    first = not has_map(viewer)
    layer = viewer.add_image(shown.array, **_arguments(shown))
    layer.metadata[KEY]["key"] = key
    if first:
        face(viewer)
    return layer


def show(viewer: Viewer, shown: MapLayer, key: str) -> Image:
    """A map in the layer of a key, which is made where there is none."""
    layer = find(viewer, key)
    if layer is None:
        return add(viewer, shown, key)
    update(layer, shown)
    return layer


def update(layer: Image, shown: MapLayer) -> None:
    """Another map in a layer's place; of a finer stage of the same map, the level and the colour that the user set stay."""
    wanted, before = _arguments(shown), layer.metadata[KEY]
    is_same = before.get("volume_id") is not None and before.get("volume_id") == (shown.facts or {}).get("volume_id")
    was_moved = not np.isclose(layer.iso_threshold, before["suggested"])
    with layer.events.set_data.blocker():  # drawn once, with the scale that belongs to it
        layer.data = shown.array
    layer.scale, layer.translate = wanted["scale"], wanted["translate"]
    layer.metadata[KEY] = wanted["metadata"][KEY] | {"key": before.get("key", "")}
    layer.contrast_limits_range = (wanted["contrast_limits"][0], max(wanted["contrast_limits"][1], float(shown.array.max())))
    layer.contrast_limits = wanted["contrast_limits"]
    if not (is_same and was_moved):
        layer.iso_threshold = wanted["iso_threshold"]
    if not is_same:
        layer.colormap = wanted["colormap"]
    if layer.name != shown.name:
        layer.name = shown.name
    layer.refresh()


def show_frame(viewer: Viewer, shown: MapLayer, key: str, number: int, count: int) -> Image:
    """One map of a series, which is a layer with a first axis of ``count`` frames; those that are not there yet are empty."""
    layer = find(viewer, key)
    if layer is None or layer.data.shape != (count, *shown.array.shape):
        if layer is not None:
            viewer.layers.remove(layer)
        frames = np.zeros((count, *shown.array.shape), np.float32)
        frames[number] = shown.array
        level = surface_level(shown.array) if shown.level is None else shown.level
        return add(viewer, replace(shown, array=frames, level=level), key)
    layer.data[number] = shown.array
    layer.refresh()
    return layer


def keep(layer: Layer) -> None:
    """No later map takes this layer's place."""
    layer.metadata[KEY]["key"] = ""


def show_only(viewer: Viewer, chosen: Sequence[Layer]) -> None:
    """Hide every other map; layers that are no maps stay as they are."""
    for layer in viewer.layers:
        if is_map(layer):
            layer.visible = layer in chosen


def set_grid(viewer: Viewer, on: bool) -> None:
    """Visible layers beside each other, or all in one picture."""
    viewer.canvas.grid.enabled = on


def is_grid(viewer: Viewer) -> bool:
    """Whether layers lie beside each other."""
    return bool(viewer.canvas.grid.enabled)


def find(viewer: Viewer, key: str) -> Image | None:
    """The layer that was added with a key."""
    return next((layer for layer in viewer.layers if is_map(layer) and layer.metadata[KEY].get("key") == key), None)


def has_map(viewer: Viewer) -> bool:
    """Whether a layer was made here."""
    return any(is_map(layer) for layer in viewer.layers)


def is_map(layer: Layer) -> bool:
    """Whether a layer was made here."""
    return KEY in layer.metadata


def map_of(layer: Layer, frame: int | None = None, cubic: bool = True) -> MapLayer:
    """The map of a layer, whoever made it; of a series, one frame.

    Parameters
    ----------
    cubic : refuse voxels that are not cubes.

    Raises
    ------
    MetricError : no three-dimensional picture, or voxels that are not cubes.
    """
    stored = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    if stored.ndim == 4 and frame is not None:
        stored = stored[min(frame, len(stored) - 1)]  # before it is read: a series may lie in a file
    array = np.asarray(stored)
    if array.ndim != 3 or array.dtype.kind not in "iuf":
        raise MetricError(f"the layer {layer.name!r} is not a volume; choose an image layer of three dimensions")
    unit = _angstrom_per_unit(layer)
    scale = np.asarray(layer.scale[-3:], float) * unit
    if scale.min() <= 0 or (cubic and scale.max() > CUBE_TOLERANCE * scale.min()):
        raise MetricError(f"the layer {layer.name!r} has voxels that are not cubes ({scale.round(4).tolist()} Å); resample it")
    z, y, x = (np.asarray(layer.translate[-3:], float) * unit).tolist()
    facts = layer.metadata.get(KEY, {})
    level = float(layer.iso_threshold) if hasattr(layer, "iso_threshold") else None
    colour = facts.get("colour", COLOUR)
    depth, height, width = scale.tolist()
    voxel = None if depth == height == width else (width, height, depth)
    values = array.astype(np.float32, copy=False)
    return MapLayer(values, width, layer.name, (x, y, z), colour, level, dict(facts), voxel)


def set_level(layer: Image, level: float) -> None:
    """Draw the surface at a density."""
    if layer.rendering != "iso":
        layer.rendering = "iso"
    layer.iso_threshold = level
    layer.contrast_limits = _limits(np.asarray(layer.data), level)
    if is_map(layer):
        layer.metadata[KEY]["level"] = level


def add_plane(viewer: Viewer, layer: Image, limits: tuple[float, float]) -> Image:
    """A plane through a map, grey, in a layer of its own that is no map; ``limits`` are the densities of black and white."""
    plane = viewer.add_image(
        layer.data, name=f"plane of {layer.name}", scale=layer.scale, translate=layer.translate, units=layer.units,
        axis_labels=layer.axis_labels, multiscale=layer.multiscale, depiction="plane", rendering="average",
        blending="translucent", contrast_limits=limits, interpolation3d="linear", metadata={PLANE: True},
    )  # fmt: skip
    plane.plane.thickness = 1
    return plane


def is_plane(layer: Layer) -> bool:
    """Whether a layer is a plane that was added here."""
    return PLANE in layer.metadata


def face(viewer: Viewer) -> None:
    """Three dimensions, x to the right, y up, z towards the reader."""
    viewer.dims.ndisplay = 3
    viewer.scene.camera.orientation = RIGHT_HANDED
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.reset_view()


def surface_level(array: Map) -> float:
    """Otsu's level, or of a constant map its only value."""
    try:
        return otsu_level(array)
    except MetricError:
        return float(array.flat[0]) if array.size else 0.0


def _arguments(shown: MapLayer) -> dict[str, Any]:
    whole = shown.array[0] if shown.array.ndim == 4 else shown.array
    level = surface_level(whole) if shown.level is None else shown.level
    step = reversed(shown.voxel_angstrom or (shown.pixel_size_angstrom,) * 3)
    before = (1.0,) * (shown.array.ndim - 3)
    facts = {"level": level, "suggested": level, "colour": shown.colour} | (shown.facts or {})
    return {
        "name": shown.name,
        "scale": (*before, *step),
        "translate": (*(0.0 for _ in before), *reversed(shown.origin_angstrom)),
        "units": (*("pixel" for _ in before), "angstrom", "angstrom", "angstrom"),
        "axis_labels": (*("frame" for _ in before), "z", "y", "x"),
        "rendering": "iso",
        "blending": "translucent",  # surfaces of several maps hide each other by depth, not by the order of layers
        "iso_threshold": level,
        "colormap": _shades(shown.colour),
        "contrast_limits": _limits(shown.array, level),
        "metadata": {KEY: facts},
    }


def _limits(array: Map, level: float) -> tuple[float, float]:
    """From the least density to some way above the level: napari shades a surface by the density behind it."""
    values = array.reshape(-1)
    sample = values[:: values.size // MOST_SAMPLED | 1]  # odd: no plane of a box of 2ⁿ px is left out
    low, above = min(float(sample.min(initial=level)), level), sample[sample > level]
    top = float(np.quantile(above, BRIGHT_SHARE)) if above.size else level
    return (low, top) if top > low else (low, low + 1e-6 + abs(low) * 1e-6)


def _shades(colour: str) -> Colormap:
    """From black through the colour to a light one: the lit surface has the colour, its highlights are lighter, its rims dark."""
    from napari.utils.colormaps import Colormap

    rgb = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    stops = np.stack([0.08 * rgb, rgb, rgb + 0.45 * (1 - rgb)])
    return Colormap(np.column_stack([stops, np.ones(3)]), controls=[0.0, 0.75, 1.0], name=colour)


def _angstrom_per_unit(layer: Layer) -> float:
    """Å of one unit of a layer's coordinates; of a layer in pixels its scale is taken for Å."""
    unit = layer.units[-1]
    return float((1 * unit).to("angstrom").magnitude) if unit.dimensionality == {"[length]": 1} else 1.0
