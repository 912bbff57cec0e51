"""Pictures of particles: montage, viewing directions, defocus."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import ColumnDataSource, LinearColorMapper
from bokeh.plotting import figure

from cryohype_app.plots.curves import BLUE
from cryohype_app.plots.figure import plain_axes

GAP_PX = 2


def montage(images: npt.NDArray[np.uint8], columns: int = 6) -> npt.NDArray[np.uint8]:
    """Images (n, p, p) side by side with a gap, row by row from the top."""
    count, side, _ = images.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * (side + GAP_PX) - GAP_PX, columns * (side + GAP_PX) - GAP_PX), np.uint8)
    for number, image in enumerate(images):
        top, left = (number // columns) * (side + GAP_PX), (number % columns) * (side + GAP_PX)
        sheet[top : top + side, left : left + side] = image
    return sheet


def png(grey: npt.NDArray[np.uint8]) -> bytes:
    """A grey picture (h, w) as the bytes of a PNG file (RFC 2083)."""
    height, width = grey.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), grey], axis=1).tobytes()  # each with filter type 0
    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 6)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def img_tag(grey: npt.NDArray[np.uint8], what: str) -> str:
    """An HTML picture with its description, the file inside."""
    data = base64.b64encode(png(grey)).decode()
    return f'<img alt="{what}" style="width:100%;image-rendering:auto;border-radius:4px" src="data:image/png;base64,{data}">'


def directions_figure(rot_deg: npt.NDArray[np.float64], cos_tilt: npt.NDArray[np.float64]) -> Any:
    """How many particles are seen from each direction; every cell has the same area on the sphere."""
    counts, _, _ = np.histogram2d(cos_tilt, rot_deg, bins=(18, 36), range=((-1, 1), (-180, 180)))
    plot = figure(
        x_range=(-180, 180),
        y_range=(-1, 1),
        height=190,
        sizing_mode="stretch_width",
        tools="hover",
        tooltips=[("particles", "@image")],
    )
    plain_axes(plot, grid=False)
    plot.toolbar_location = None
    mapper = LinearColorMapper(palette="Viridis256", low=0, high=max(1.0, float(counts.max(initial=1))))
    plot.image([counts], x=-180, y=-1, dw=360, dh=2, color_mapper=mapper)
    plot.xaxis.axis_label, plot.yaxis.axis_label = "rot (°)", "cos(tilt)"
    return plot


def histogram(values: npt.NDArray[Any], label: str) -> Any:
    """How a quantity of the particles is spread."""
    plot = figure(height=190, sizing_mode="stretch_width", tools="")
    plain_axes(plot)
    plot.toolbar_location = None
    counts, edges = np.histogram(values, bins=min(50, max(5, len(values) // 20)))
    source = ColumnDataSource({"left": edges[:-1], "right": edges[1:], "top": counts})
    plot.quad(left="left", right="right", top="top", bottom=0, source=source, color=BLUE, alpha=0.8, line_color=None)
    plot.xaxis.axis_label, plot.yaxis.axis_label = label, "particles"
    return plot
