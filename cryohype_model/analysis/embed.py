"""A UMAP of the particles of one selection alone: what the picture of all particles has no room for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cryohype_model.analysis.progress import Progress
from cryohype_model.analysis.reduce import umap_coordinates
from cryohype_model.config import AnalysisConfig
from cryohype_model.errors import RunError
from cryohype_model.runs.embeddings import Embedding, rows_to_embed, write_embedding
from cryohype_model.runs.latents import LatentSpace
from cryohype_model.runs.layout import Run

Points = npt.NDArray[np.float32]


def embed_selection(run: Run, space: LatentSpace, name: str, config: AnalysisConfig, progress: Progress) -> Embedding:
    """Embed a stored selection and keep the result beside the latents; an older one of the selection is replaced.

    Parameters
    ----------
    space : the latents of the run whose components are embedded.
    name : of the selection. config : its UMAP section and seed are used.

    Raises
    ------
    RunError : no such selection, too few particles, or one of the two was made anew meanwhile.
    """
    rows = rows_to_embed(run, name)
    if rows[-1] >= len(space):
        raise RunError(f"the selection {name!r} has particle {rows[-1]}, {space.path} has {len(space)}; analyze the run again")
    progress.say(f"{len(rows):,} particles of {name!r}, {space.pca.shape[1]} components")
    components, shares = own_components(np.asarray(space.pca[rows]))
    placed = umap_coordinates(
        components, config.umap_neighbors, config.umap_min_dist, config.umap_fit_particles, config.seed, progress
    )
    columns: dict[str, Any] = {"index": rows, "umap_x": placed[:, 0], "umap_y": placed[:, 1]}
    columns |= {f"pc{number}": component for number, component in enumerate(components.T, 1)}
    how = {"umap_neighbors": config.umap_neighbors, "umap_min_dist": config.umap_min_dist, "seed": config.seed}
    made = {"explained_variance": [float(share) for share in shares], "config": how}
    return write_embedding(space, name, pd.DataFrame(columns), made)


def own_components(pca: Points) -> tuple[Points, npt.NDArray[np.float64]]:
    """The principal components of some particles among themselves: a turn of the axes, no distance changes.

    Parameters
    ----------
    pca : (n, q) components of the whole run.

    Returns
    -------
    components : (n, q) float32, the largest spread first. shares : (q,) of the variance.
    """
    centred = pca - pca.mean(axis=0, dtype=np.float64).astype(np.float32)
    variance, axes = np.linalg.eigh(np.cov(centred, rowvar=False, dtype=np.float64))
    variance, axes = variance[::-1].clip(min=0), axes[:, ::-1]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    components = (centred @ (axes * np.where(largest < 0, -1.0, 1.0)).astype(np.float32)).astype(np.float32)
    return components, variance / max(float(variance.sum()), 1e-30)
