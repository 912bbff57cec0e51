"""Classes with volumes of their own are found where a few basis volumes cannot span the kinds of particles."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation
from sklearn.cluster import KMeans

from cryohype_model.cli import main
from cryohype_model.config import dump_config, load_config
from cryohype_model.errors import ConfigError
from cryohype_model.imaging.grid import FourierGrid, rotate_slice
from cryohype_model.nets.build import build_model
from cryohype_model.nets.checkpoint import checkpoint_path, load_checkpoint
from cryohype_model.nets.grid_volumes import GridVolumes
from cryohype_model.nets.inputs import ObservedSlices
from cryohype_model.runs.run import open_run
from cryohype_model.training.basis_fit import fit_basis_volumes
from cryohype_model.training.class_fit import ClassFit, fit_class_volumes
from cryohype_model.training.first_volumes import fit_volumes
from cryohype_model.training.prepare import open_training_set

BOX_PX, RADIUS_PX, NOISE, KINDS = 12, 6.0, 1.0, 8


class Seen(NamedTuple):
    """Images of kinds of particles.

    Attributes
    ----------
    kinds : (lattice points, KINDS) complex, the true volumes. label : the kind of each image.
    """

    kinds: torch.Tensor
    batches: list[ObservedSlices]
    label: np.ndarray[Any, np.dtype[np.int64]]


def _volumes(classes: int) -> GridVolumes:
    return GridVolumes(box_px=BOX_PX, count=2, radius_px=RADIUS_PX, classes=classes)


@pytest.fixture(scope="module")
def seen(densities_on: Callable[..., torch.Tensor]) -> Seen:
    """2400 images of eight unlike densities; two basis volumes cannot span them."""
    torch.manual_seed(3)
    true = GridVolumes(box_px=BOX_PX, count=KINDS, radius_px=RADIUS_PX)
    densities = torch.randn(KINDS + 1, BOX_PX, BOX_PX, BOX_PX)
    densities[0] = 0
    values = densities_on(true, densities)
    true.table[:] = torch.cat([values.real, values.imag], dim=1)
    grid = FourierGrid(BOX_PX)
    coordinates = grid.coordinates(grid.half_disc_pixels)
    label = torch.arange(2400) % KINDS
    batches = []
    for part in label.split(300):
        rotation = torch.from_numpy(Rotation.random(len(part), random_state=len(batches)).as_matrix()).float()
        places = rotate_slice(coordinates, rotation)
        ctf = torch.rand(len(part), len(coordinates)) * 2 - 1
        noise = torch.complex(torch.randn_like(ctf), torch.randn_like(ctf)) * NOISE
        clean = true.predict(torch.nn.functional.one_hot(part, KINDS).float(), places)
        batches.append(ObservedSlices(clean * ctf + noise, ctf, places))
    return Seen(values[:, 1:], batches, label.numpy())


@pytest.fixture(scope="module")
def fitted(seen: Seen) -> GridVolumes:
    volumes = _volumes(classes=KINDS + 2)
    assert fit_basis_volumes(volumes, seen.batches, 12, 0, lambda *_: True)
    assert fit_class_volumes(volumes, lambda: seen.batches, 8, 0, lambda *_: True)
    return volumes


def _told_apart(seen: Seen, found: np.ndarray[Any, Any]) -> float:
    table = np.zeros((KINDS, found.max() + 1))
    np.add.at(table, (seen.label, found), 1)
    return float(table[linear_sum_assignment(-table)].sum() / len(found))


@torch.no_grad()
def test_kinds_are_told_apart_that_the_basis_volumes_mix(seen: Seen, fitted: GridVolumes) -> None:
    together = torch.cat([fitted.fit(batch) for batch in seen.batches])
    coefficients, probability = together[:, :2], together[:, 2:]
    before = _told_apart(seen, KMeans(KINDS, n_init=5, random_state=0).fit_predict(coefficients.numpy()))
    after = _told_apart(seen, probability.argmax(1).numpy())
    assert before < 0.75 < 0.85 < after
    torch.testing.assert_close(probability.sum(1), torch.ones(len(probability)))


@torch.no_grad()
def test_a_class_looks_like_its_kind(seen: Seen, fitted: GridVolumes) -> None:
    assert fitted.classes is not None
    assert float(fitted.classes.noise) == pytest.approx(2 * NOISE**2, rel=0.1)
    assert fitted.classes.log_weight.exp().sum() == pytest.approx(1, rel=1e-5)
    probability = torch.cat([fitted.fit(batch)[:, 2:] for batch in seen.batches])
    middle = fitted.lattice.pixels().square().sum(1) < 9
    for kind in range(KINDS):
        mean = probability[seen.label == kind].mean(0)
        own = torch.complex(fitted.classes.real @ mean, fitted.classes.imaginary @ mean)[middle]
        likeness = [(own.conj() @ true[middle]).real / true[middle].norm() for true in seen.kinds.T]
        assert int(np.argmax(likeness)) == kind
        assert likeness[kind] / own.norm() > 0.8


@torch.no_grad()
def test_a_prediction_is_the_mean_volume_under_the_probabilities(seen: Seen, fitted: GridVolumes) -> None:
    assert fitted.classes is not None
    places = seen.batches[0].coordinates[:3]
    probability = torch.softmax(torch.randn(3, fitted.classes.count), dim=1)
    predicted = fitted.predict(torch.cat([torch.randn(3, 2), probability], dim=1), places)
    for image in range(3):
        one = GridVolumes(box_px=BOX_PX, count=1, radius_px=RADIUS_PX)
        one.table[:, 0] = fitted.classes.real @ probability[image]
        one.table[:, 2] = fitted.classes.imaginary @ probability[image]
        torch.testing.assert_close(predicted[image], one.predict(torch.zeros(1, 1), places[image][None])[0])


@torch.no_grad()
def test_the_misfit_is_that_of_the_points_around_each_coefficient(seen: Seen, fitted: GridVolumes) -> None:
    assert fitted.classes is not None
    observed = ObservedSlices(*(part[:2] for part in (seen.batches[1].values, seen.batches[1].ctf, seen.batches[1].coordinates)))
    corners = fitted.lattice.corners(observed.coordinates)
    volume = torch.complex(fitted.classes.real[:, 4], fitted.classes.imaginary[:, 4])[corners.row]
    volume = torch.where(corners.sign[:, None] < 0, volume.conj(), volume)
    values, ctf = observed.values.flatten()[:, None], observed.ctf.flatten()[:, None]
    left = corners.share * ((values - ctf * volume).abs().square() - values.abs().square())
    expected = left.sum(1).unflatten(0, observed.values.shape).sum(1)
    torch.testing.assert_close(fitted.classes.misfit(observed, corners)[:, 4], expected, rtol=1e-4, atol=1e-2)


@torch.no_grad()
def test_a_state_that_is_loaded_gives_the_same_probabilities(seen: Seen, fitted: GridVolumes) -> None:
    again = copy.deepcopy(_volumes(classes=KINDS + 2))
    again.load_state_dict(fitted.state_dict())
    torch.testing.assert_close(again.fit(seen.batches[0]), fitted.fit(seen.batches[0]))


def test_a_fit_reads_the_images_anew_and_can_be_stopped(seen: Seen) -> None:
    volumes, asked = _volumes(classes=4), 0

    def batches() -> Iterator[ObservedSlices]:
        nonlocal asked
        asked += 1
        yield from seen.batches[:1]

    assert fit_basis_volumes(volumes, seen.batches[:1], 2, 0, lambda *_: True)
    assert not fit_class_volumes(volumes, batches, 5, 0, lambda number, _: number < 2)
    assert asked == 2 + 2, "coefficients, first volumes, two passes"


def test_the_last_passes_look_at_more_images(seen: Seen) -> None:
    volumes, asked = _volumes(classes=4), []

    def batches(count: int) -> Iterator[ObservedSlices]:
        asked.append(count)
        yield from seen.batches[:count]

    assert fit_basis_volumes(volumes, seen.batches[:1], 2, 0, lambda *_: True)
    assert fit_class_volumes(volumes, lambda: batches(1), 3, 0, lambda *_: True, last=lambda: batches(2))
    assert asked == [1, 1, 1, 2, 2], "coefficients, first volumes, three passes"


@torch.no_grad()
def test_more_classes_than_images_and_images_without_signal_give_finite_numbers(seen: Seen) -> None:
    blind = ObservedSlices(
        torch.zeros_like(seen.batches[0].values[:5]), torch.zeros_like(seen.batches[0].ctf[:5]), seen.batches[0].coordinates[:5]
    )
    for batch in (blind, ObservedSlices(seen.batches[0].values[:5], seen.batches[0].ctf[:5], seen.batches[0].coordinates[:5])):
        volumes = _volumes(classes=9)
        assert fit_basis_volumes(volumes, [batch], 2, 0, lambda *_: True)
        fit = ClassFit(volumes, partial(list, [batch]), 0)
        fit.begin()
        assert np.isfinite([fit.step() for _ in range(3)]).all()
        assert volumes.fit(batch).isfinite().all()


def test_a_training_fits_them_once_and_resumes_with_them(mixture: Path, tiny_config: Callable[..., Any], tmp_path: Path) -> None:
    settings = {"basis_volumes": 3, "basis_form": "grid", "basis_classes": 5, "image_tokens": False}
    config = tiny_config(mixture, training={"basis_passes": 2, "class_passes": 3, "held_out_fraction": 0.5}, **settings)
    (tmp_path / "config.toml").write_text(dump_config(config))
    run = tmp_path / "run"
    assert main(["train", str(mixture), "-c", str(tmp_path / "config.toml"), "-o", str(run)]) == 0
    assert (run / "log.txt").read_text().count("volumes of classes: pass") == 3
    first = load_checkpoint(checkpoint_path(open_run(run))).model
    assert first["basis.classes.real"].any()
    assert main(["train", "--resume", str(run), "--epochs", "3"]) == 0
    assert (run / "log.txt").read_text().count("volumes of classes: pass") == 3
    again = load_checkpoint(checkpoint_path(open_run(run))).model
    torch.testing.assert_close(again["basis.classes.real"], first["basis.classes.real"], rtol=0, atol=0)
    maps = tmp_path / "maps"
    assert main(["volumes", str(run), "--particle", "0,1", "--method", "linear", "-o", str(maps)]) == 0
    assert len(list(maps.glob("*.mrc"))) == 2


@pytest.mark.parametrize("looks", [1, 2, 5])
def test_a_stop_is_heard_between_images(mixture: Path, tiny_config: Callable[..., Any], looks: int) -> None:
    """At the basis volumes' images, at the coefficients', in a pass; not only when a pass has ended."""
    config = tiny_config(
        mixture, training={"basis_passes": 1}, basis_volumes=3, basis_form="grid", basis_classes=5, image_tokens=False
    )
    data, told = open_training_set(config.data), []
    volumes = build_model(config.model, data.scale.box_px).basis
    assert isinstance(volumes, GridVolumes)

    def report(what: str | None) -> bool:
        told.append(what)
        return told.count(None) < looks

    assert not fit_volumes(volumes, data, config, report)
    assert told[-1] is None
    assert sum(line is not None and line.startswith("volumes of classes: pass") for line in told) == max(0, looks - 4)


def test_classes_without_a_grid_are_refused() -> None:
    with pytest.raises(ConfigError, match="basis_classes are fitted after a grid"):
        load_config(preset="tomotwin-100", overrides=["data.particles=a.star", "model.basis_classes=10"])
