"""Pictures of particles are what they say."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from cryohype_app.plots.particles import GAP_PX, grey, img_tag, montage, png, spread_figures


def test_a_png_is_read_back_by_another_program() -> None:
    picture = np.arange(77, dtype=np.uint8).reshape(7, 11)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)


def test_a_png_has_colours_and_opacity() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 9, 4), dtype=np.uint8)
    image = Image.open(io.BytesIO(png(picture)))
    assert image.mode == "RGBA"
    assert np.array_equal(np.asarray(image), picture)


@pytest.mark.parametrize(("count", "shape"), [(1, (4, 3 * 6 - GAP_PX)), (3, (4, 16)), (4, (10, 16))])
def test_a_montage_goes_row_by_row(count: int, shape: tuple[int, int]) -> None:
    images = np.stack([np.full((4, 4), 10 + number, np.uint8) for number in range(count)])
    sheet = montage(images, 3)
    assert sheet.shape == shape
    assert sheet[0, 0] == 10
    assert sheet[-1, (count - 1) % 3 * 6] == 10 + count - 1


def test_grey_uses_the_whole_scale() -> None:
    picture = grey(np.random.default_rng(0).normal(size=(50, 50)))
    assert (picture.min(), picture.max()) == (0, 255)
    assert grey(np.ones((3, 3))).max() == 0


def test_a_picture_has_its_description() -> None:
    tag = img_tag(np.zeros((2, 2), np.uint8), "two by two")
    assert 'alt="two by two"' in tag
    assert "http" not in tag


def test_every_particle_is_counted_in_the_figures() -> None:
    figures = spread_figures()
    rng = np.random.default_rng(0)
    figures.show(rng.uniform(-180, 180, 500), rng.uniform(-1, 1, 500), rng.uniform(0.5, 2.5, 500))
    assert figures.seen.data["image"][0].sum() == 500
    assert figures.bars.data["top"].sum() == 500
    figures.show(np.empty(0), np.empty(0), np.empty(0))
    assert figures.seen.data["image"][0].sum() == 0
