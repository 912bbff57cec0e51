"""The pictures of an analysis, written into latents/<checkpoint>/figures/."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cryohype_model.analysis.progress import Progress
from cryohype_model.inference.trained import TrainedRun
from cryohype_model.io.atomic import fresh_partial, replace_folder
from cryohype_model.io.mrc import read_volume
from cryohype_model.runs.latents import LatentSpace
from cryohype_model.runs.metrics_log import read_metrics
from cryohype_model.runs.quality import QualityTable
from cryohype_model.runs.volumes import VolumeSeries

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawing = tuple[str, Callable[[], "Figure"]]
# name of the picture, and what its maps are of, by method
DRAWN = {"medoid": ("medoid_maps", "medoids"), "mean": ("mean_maps", "mean latents"), "linear": ("linear_maps", "basis volumes")}


def write_pictures(
    trained: TrainedRun,
    latents: LatentSpace,
    series: Sequence[VolumeSeries],
    quality: QualityTable | None,
    seed: int,
    activations: bool,
    progress: Progress,
) -> list[Path]:
    """Draw everything that there is data for; the folder appears complete.

    Parameters
    ----------
    series : maps of the clusters, of which the medoids are drawn. quality : of these maps, where it was measured.
    activations : also look into the INRs (the paper's Figs. 7 and 8).

    Returns
    -------
    The .png files.
    """
    folder = latents.path / "figures"
    partial = fresh_partial(folder)
    drawings = [*_latent_drawings(latents), *_training_drawings(trained, latents), *_map_drawings(latents, series)]
    drawings += _quality_drawings(quality)
    if activations:
        drawings += _activation_drawings(trained, latents, seed, progress)
    progress.begin("figures", len(drawings))
    names = []
    for name, draw in drawings:
        draw().savefig(partial / f"{name}.png")
        names.append(f"{name}.png")
        progress.advance(1)
    replace_folder(partial, folder)
    return [folder / name for name in names]


def _latent_drawings(latents: LatentSpace) -> Iterator[Drawing]:
    from cryohype_model.analysis.figures import cluster_size_figure, latent_figure

    table, share = latents.table, latents.meta["explained_variance"]
    components = (f"PC 1 ({share[0]:.0%} of the variance)", f"PC 2 ({share[1]:.0%})")
    spaces = {"pca": (np.asarray(latents.pca[:, :2]), components, "Latents, principal components")}
    if "umap_x" in table:
        placed = table[["umap_x", "umap_y"]].to_numpy(np.float32)
        spaces["umap"] = (placed, ("UMAP 1", "UMAP 2"), "Latents, UMAP")
    for space, (points, axis_names, title) in spaces.items():
        for what, classes in (("cluster", latents.cluster), ("label", latents.label)):
            if classes is not None:
                full = f"{title}, {len(points):,} particles by {what}"
                yield f"{space}_by_{what}", _later(latent_figure, points, classes, what, axis_names, full)
    yield "cluster_sizes", _later(cluster_size_figure, latents.meta["cluster_sizes"], latents.meta["noise"])


def _training_drawings(trained: TrainedRun, latents: LatentSpace) -> Iterator[Drawing]:
    from cryohype_model.analysis.figures import loss_figure, particle_loss_figure

    metrics, floor = read_metrics(trained.run), trained.scale.noise_floor
    if len(metrics):
        yield "training_loss", _later(loss_figure, metrics, floor)
    yield "particle_loss", _later(particle_loss_figure, latents.table["loss"].to_numpy(np.float32), floor)


def _map_drawings(latents: LatentSpace, series: Sequence[VolumeSeries]) -> Iterator[Drawing]:
    from cryohype_model.analysis.galleries import GALLERY_MOST, cluster_gallery

    for one in series:
        shown = one.entries[:GALLERY_MOST]
        volumes = {entry.cluster: read_volume(one.map_path(entry))[0] for entry in shown}
        name, what = DRAWN[str(shown[0].method)]
        sizes, pixel_size = latents.meta["cluster_sizes"], shown[0].pixel_size_angstrom
        yield name, _later(cluster_gallery, volumes, sizes, pixel_size, what)


def _quality_drawings(quality: QualityTable | None) -> Iterator[Drawing]:
    from cryohype_model.analysis.curves import quality_figure

    if quality is not None and quality.maps:
        yield "quality", _later(quality_figure, quality, quality.read_curves())


def _activation_drawings(trained: TrainedRun, latents: LatentSpace, seed: int, progress: Progress) -> Iterator[Drawing]:
    from cryohype_model.analysis.activations import probe, sample_rows
    from cryohype_model.analysis.galleries import activation_figure, weight_spread_figure

    rows = sample_rows(len(latents), seed)
    progress.begin("activations", 1)
    probed = probe(trained, rows, seed)
    progress.advance(1)
    for what, classes in (("cluster", latents.cluster), ("label", latents.label)):
        if classes is not None:
            yield f"activations_by_{what}", _later(activation_figure, probed, classes[rows], what)
    yield "weight_spread", _later(weight_spread_figure, probed)


def _later(draw: Callable[..., Figure], *arguments: object) -> Callable[[], Figure]:
    """The drawing with its data, to be made when its turn comes."""
    return lambda: draw(*arguments)
