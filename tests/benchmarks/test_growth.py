"""The benchmark of growth does the work that it says, of any size, and tells it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.growth import BATCH, WORK, Subject, clustering, measure, picture, spread, subject, table
from benchmarks.memory import fabricate
from cryohype_model.imaging.particles import Particles
from cryohype_model.io.particles import read_particles


def test_every_round_trains_and_encodes(mixture: Path) -> None:
    one = subject(60, mixture, 16)
    assert [one.work[name]() for name in WORK] == [BATCH, 32]
    measure([one], rounds=2)
    assert {name: len(seconds) for name, seconds in one.seconds.items()} == dict.fromkeys(WORK, 2)
    assert all(value > 0 for seconds in one.seconds.values() for value in seconds)


def test_table_and_picture(tmp_path: Path) -> None:
    made = [Subject(size, {}, {name: [size * 1e-3, size * 2e-3, size * 4e-3] for name in WORK}) for size in (10, 20)]
    *_, second = table(made, "N").splitlines()
    assert second == "| 20 | 40.0 (20.0 to 80.0) | 40.0 (20.0 to 80.0) | 2.00 (2.00 to 2.00) | 2.00 (2.00 to 2.00) |"
    for letter in "ND":
        picture(made, letter, "size", tmp_path / f"{letter}.png")
        with Image.open(tmp_path / f"{letter}.png") as drawn:
            assert drawn.size == (960, 570)


def test_clusters_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.growth.CLUSTERED", 50)
    assert len(clustering(5)) == 3 and spread([2.0, 1.0, 3.0]) == "2.00 (1.00 to 3.00)"


def test_particles_may_share_an_image(tmp_path: Path) -> None:
    particles = Particles(read_particles(fabricate(tmp_path, 5, stored=2, box_px=8)))
    images = particles.batch([0, 1, 2, 4]).images
    assert (images[0] == images[2]).all() and (images[0] == images[3]).all() and (images[0] != images[1]).any()
    assert len({tuple(rotation.ravel()) for rotation in particles.table.rotation}) == 5
