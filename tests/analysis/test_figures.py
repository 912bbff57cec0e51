"""What the pictures show, read back from the figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from cryohype_model.analysis import figures
from cryohype_model.analysis.figures import cluster_size_figure, latent_figure, loss_figure, particle_loss_figure
from cryohype_model.analysis.galleries import cluster_gallery
from cryohype_model.palette import CATEGORIES, NOISE_COLOUR


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(lambda item: hasattr(item, "get_text")))


def latent(points: np.ndarray, classes: np.ndarray | None) -> Figure:
    return latent_figure(points, classes, "cluster", ("PC 1", "PC 2"), "Latents")


def test_every_particle_is_drawn_in_the_colour_of_its_cluster() -> None:
    points = np.arange(12, dtype=np.float32).reshape(6, 2)
    (dots,) = latent(points, np.array([0, 0, 1, 1, -1, 0])).axes[0].collections
    colours = {tuple(xy): to_hex(c).upper() for xy, c in zip(dots.get_offsets().tolist(), dots.get_facecolors(), strict=True)}
    assert colours[(0, 1)] == CATEGORIES[0] and colours[(4, 5)] == CATEGORIES[1]
    assert colours[(8, 9)] == NOISE_COLOUR.upper()


def test_clusters_are_named_with_their_sizes_and_noise_is_called_noise() -> None:
    text = words(latent(np.eye(6, 2, dtype=np.float32), np.array([0, 0, 1, 1, -1, 0])))
    assert "cluster 0 (3)" in text and "noise (1)" in text


def test_many_particles_are_drawn_as_cells_of_their_commonest_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "SCATTER_MOST", 5)
    monkeypatch.setattr(figures, "CELLS", 2)
    points = np.array([[0, 0], [0, 0], [0.1, 0], [1, 1], [1, 1], [1, 1], [1, 0]], np.float32)
    classes = np.array([1, 0, 1, 0, 0, 1, -1])
    axes = latent(points, classes).axes[0]
    assert not axes.collections
    cells = np.asarray(axes.images[0].get_array())
    assert to_hex(cells[0, 0, :3]).upper() == CATEGORIES[1]
    assert to_hex(cells[1, 1, :3]).upper() == CATEGORIES[0]
    assert to_hex(cells[0, 1, :3]) == NOISE_COLOUR
    assert cells[1, 0, 3] == 0 and cells[0, 0, 3] > cells[0, 1, 3] > 0


def test_without_classes_the_density_is_drawn() -> None:
    assert latent(np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32), None).axes[0].collections


def test_the_noise_floor_is_a_line_below_the_loss() -> None:
    metrics = pd.DataFrame({"step": [1, 2, 2], "split": ["step", "step", "epoch"], "loss": [3.0, 2.0, 2.5]})
    figure = loss_figure(metrics, 0.75)
    floor = figure.axes[0].lines[-1]
    assert set(floor.get_ydata()) == {0.75} and "noise floor 0.750" in words(figure)


def test_outlying_losses_go_into_the_last_bar() -> None:
    loss = np.concatenate([np.linspace(1, 2, 999), [1e6]]).astype(np.float32)
    bars = particle_loss_figure(loss, 0.9).axes[0].patches
    assert sum(bar.get_height() for bar in bars) == 1000
    assert bars[-1].get_x() < 3


def test_cluster_sizes_are_bars() -> None:
    figure = cluster_size_figure([50, 20, 3], noise=4)
    assert [bar.get_height() for bar in figure.axes[0].patches] == [50, 20, 3]
    assert "4 particles in none" in words(figure)


def test_no_cluster_at_all_is_a_picture_too(tmp_path: Path) -> None:
    cluster_size_figure([], noise=10).savefig(tmp_path / "sizes.png")


def test_the_gallery_shows_the_three_projections_of_each_map() -> None:
    volume = np.zeros((8, 8, 8), np.float32)
    volume[1, 2, 3] = 1.0
    (picture,) = cluster_gallery({0: volume}, [9, 4], 2.0, "medoids").axes[0].images
    views = np.asarray(picture.get_array())
    assert views.shape == (10, 30)
    assert {tuple(where) for where in np.argwhere(np.nan_to_num(views) == 1)} == {(3, 4), (2, 14), (2, 23)}
    assert "1 more in the series" in words(cluster_gallery({0: volume}, [9, 4], 2.0, "medoids"))
