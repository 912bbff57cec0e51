"""Pictures of maps and of what the INRs hold inside: pure functions, data -> Figure (no display needed)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from cryohype_model.analysis.activations import Probe
from cryohype_model.analysis.figures import DPI, latent_figure
from cryohype_model.palette import GREY

GALLERY_MOST = 24
ACROSS = 4  # maps in a row

Volume = npt.NDArray[np.float32]


def cluster_gallery(volumes: Mapping[int, Volume], sizes: list[int], pixel_size_angstrom: float, what: str) -> Figure:
    """For each cluster the projections of its map along z, y and x, side by side; at most GALLERY_MOST are given.

    Parameters
    ----------
    volumes : (z, y, x) map by cluster. sizes : particles of every cluster.
    what : whose maps they are, "medoids" or "mean latents".
    """
    columns = min(ACROSS, len(volumes))
    lines = -(-len(volumes) // columns)
    figure = Figure(figsize=(3.2 * columns, 1.25 * lines + 0.45), dpi=DPI, layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (cluster, volume) in zip(grid.flat, volumes.items(), strict=False):
        views = np.concatenate([np.pad(volume.sum(axis=axis), 1, constant_values=np.nan) for axis in (0, 1, 2)], axis=1)
        low, high = np.nanpercentile(views, [1, 99.8])
        axes.imshow(views, cmap="gray", vmin=low, vmax=max(high, low + 1e-12), origin="lower", interpolation="nearest")
        axes.set_title(f"cluster {cluster}  ({sizes[cluster]:,})", fontsize=8, pad=2)
    box_angstrom = next(iter(volumes.values())).shape[0] * pixel_size_angstrom
    left_out = f"; {len(sizes) - len(volumes)} more in the series" if len(sizes) > len(volumes) else ""
    figure.suptitle(f"Maps of the {what}: projections along z, y, x; box {box_angstrom:.0f} Å{left_out}", fontsize=10)
    return figure


def activation_figure(probe: Probe, classes: npt.NDArray[np.int64], what: str) -> Figure:
    """The INRs by their activations on the same coordinates (the paper's Fig. 7).

    Parameters
    ----------
    classes : (n,) cluster or label of the probed particles. what : which of the two.
    """
    names = tuple(f"component {i + 1} ({share:.0%})" for i, share in enumerate(probe.variance_ratio))
    title = f"Last hidden activations of {len(probe.rows)} INRs on the same coordinates"
    return latent_figure(probe.activations, classes, what, (names[0], names[1]), title)


def weight_spread_figure(probe: Probe) -> Figure:
    """How much the first layer's weights differ between the INRs (the paper's Fig. 8): as an image and as a histogram."""
    figure = Figure(figsize=(8.4, 3.8), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    largest = float(probe.weight_spread.max()) or probe.weight_scale
    picture = left.imshow(probe.weight_spread, cmap="viridis", aspect="auto", interpolation="nearest", vmin=0, vmax=largest)
    left.set(xlabel="output of the first layer", ylabel="input (Fourier feature)")
    figure.colorbar(picture, ax=left, label="standard deviation")
    right.spines[["top", "right"]].set_visible(False)
    if probe.shared_weights:
        right.set_axis_off()
        right.text(0.5, 0.5, "shared weights:\nall images have the same INR weights\n(concat), so their spread is 0",
                   ha="center", va="center", color=GREY, transform=right.transAxes)  # fmt: skip
    else:
        right.hist(probe.weight_spread.ravel(), bins=60, color="#0072B2")
        size = probe.weight_scale
        right.axvline(size, color="#D55E00", linestyle=(0, (4, 3)), label=f"size of a weight {size:.2g}")
        right.set(xlabel="standard deviation over INRs", ylabel="weights")
        right.legend(fontsize=9)
    figure.suptitle(f"Spread of the first layer's weights over {len(probe.rows)} generated INRs", fontsize=11)
    return figure
