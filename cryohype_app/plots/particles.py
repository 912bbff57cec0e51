"""Pictures of particles: montage, viewing directions, defocus."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import ColumnDataSource, DataRange1d, LinearColorMapper
from bokeh.plotting import figure

from cryohype_app.plots.curves import BLUE
from cryohype_app.plots.figure import plain_axes

GAP_PX = 2
Numbers = npt.NDArray[Any]


def montage(images: npt.NDArray[np.uint8], columns: int = 6) -> npt.NDArray[np.uint8]:
    """Images (n, p, p) side by side with a gap, row by row from the top."""
    count, side, _ = images.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * (side + GAP_PX) - GAP_PX, columns * (side + GAP_PX) - GAP_PX), np.uint8)
    for number, image in enumerate(images):
        top, left = (number // columns) * (side + GAP_PX), (number % columns) * (side + GAP_PX)
        sheet[top : top + side, left : left + side] = image
    return sheet


def grey(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """A picture stretched between its 1st and 99.8th percentile."""
    low, high = np.percentile(values, (1, 99.8))
    return (255 * np.clip((values - low) / max(float(high - low), 1e-12), 0, 1)).astype(np.uint8)


def png(picture: npt.NDArray[np.uint8]) -> bytes:
    """A picture, grey (h, w) or red, green, blue and opacity (h, w, 4), as the bytes of a PNG file (RFC 2083)."""
    height, width = picture.shape[:2]
    rows = picture.reshape(height, -1)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()  # each with filter type 0
    header = struct.pack(">2I5B", width, height, 8, 0 if picture.ndim == 2 else 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 6)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def img_tag(picture: npt.NDArray[np.uint8], what: str) -> str:
    """An HTML picture with its description, the file inside."""
    data = base64.b64encode(png(picture)).decode()
    return f'<img alt="{what}" style="width:100%;image-rendering:auto;border-radius:4px" src="data:image/png;base64,{data}">'


@dataclass(frozen=True)
class SpreadFigures:
    """Where particles are seen from, and their defocus; drawn once, filled again and again.

    A figure that is put into a page later is not laid out by bokeh 3.9, so these are there, empty, from the beginning.
    """

    directions: Any
    defocus: Any
    seen: ColumnDataSource
    bars: ColumnDataSource
    mapper: LinearColorMapper

    def show(self, rot_deg: Numbers, cos_tilt: Numbers, defocus_um: Numbers) -> None:
        """Fill both; every cell of the directions has the same area on the sphere."""
        counts, _, _ = np.histogram2d(cos_tilt, rot_deg, bins=(18, 36), range=((-1, 1), (-180, 180)))
        self.mapper.high = max(1.0, float(counts.max(initial=1)))
        self.seen.data = {"image": [counts.astype(np.float32)]}
        bars, edges = np.histogram(defocus_um, bins=min(50, max(5, len(defocus_um) // 20)))
        self.bars.data = {"left": edges[:-1], "right": edges[1:], "top": bars}


def spread_figures() -> SpreadFigures:
    """Both figures, empty."""
    size: dict[str, Any] = {"height": 170, "sizing_mode": "stretch_width", "tools": ""}
    directions = figure(x_range=(-180, 180), y_range=(-1, 1), **size)
    defocus = figure(x_range=DataRange1d(default_span=1), y_range=DataRange1d(start=0, default_span=1), **size)
    for plot, x, y in ((directions, "rot (°)", "cos(tilt)"), (defocus, "defocus (µm)", "particles")):
        plain_axes(plot, grid=False)
        plot.xaxis.axis_label, plot.yaxis.axis_label = x, y
        plot.toolbar_location = None
    mapper = LinearColorMapper(palette="Viridis256", low=0, high=1, nan_color="#00000000")
    seen = ColumnDataSource({"image": [np.full((1, 1), np.nan, np.float32)]})  # nothing is seen yet
    directions.image("image", source=seen, x=-180, y=-1, dw=360, dh=2, color_mapper=mapper)
    bars = ColumnDataSource({"left": [0.0], "right": [1.0], "top": [0.0]})
    defocus.quad(left="left", right="right", top="top", bottom=0, source=bars, color=BLUE, alpha=0.8, line_color=None)
    return SpreadFigures(directions, defocus, seen, bars, mapper)
