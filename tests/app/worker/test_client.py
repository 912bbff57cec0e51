"""The volume worker from the server's side: a real process, a real run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.errors import Superseded, VolumeGone
from cryohype_app.worker.request import Reference, VolumeRequest
from cryohype_app.worker.shelf import MOST_VOLUMES
from cryohype_model.cli import main
from cryohype_model.errors import ConfigError, CryoHypeError, InputFileError, MetricError, RunError
from cryohype_model.imaging.particles import Particles
from cryohype_model.inference.backproject import backproject
from cryohype_model.inference.generate import VolumeGenerator
from cryohype_model.inference.reconstruct import reconstruction_scale
from cryohype_model.inference.trained import open_trained_run
from cryohype_model.io.mrc import read_volume, write_volume
from cryohype_model.io.particles import read_particles
from cryohype_model.metrics.fsc import fourier_shell_correlation
from cryohype_model.metrics.lowpass import low_passed
from cryohype_model.metrics.pairs import labelled_truths
from cryohype_model.runs.layout import Run

LARGE_PX = 224  # takes long enough for something else to happen meanwhile


@pytest.fixture
def volume_id(worker: VolumeWorker, play: Callable[..., Any], all_stages: Callable[..., Any]) -> str:
    """A map of two particles."""
    return str(play(all_stages(worker, [3, 17]))[-1].volume_id)


def test_facts(worker: VolumeWorker, play: Callable[..., Any]) -> None:
    facts = play(worker.facts())
    assert (facts.checkpoint, facts.device, facts.particles) == ("step-00000007", "cpu", 60)
    assert (facts.box_px, facts.stored_box_px, facts.pixel_size_angstrom, facts.pid) == (16, 16, 12.0, worker.pid)


def test_stages_cross_the_pipe(
    worker: VolumeWorker, play: Callable[..., Any], all_stages: Callable[..., Any], analysed_run: Run
) -> None:
    first, last = play(all_stages(worker, [3, 17], box_px=24, coarsest_px=8, with_mesh=True))
    trained = open_trained_run(analysed_run.path, accelerator="cpu")
    expected = VolumeGenerator(trained.model, trained.scale).volume(trained.mean_latent([3, 17]), 24)
    np.testing.assert_allclose(last.array, expected, atol=1e-5)
    assert first.array.shape == (8, 8, 8) and first.array.dtype == last.array.dtype == np.float32
    assert (last.checkpoint, last.method, last.stage, last.last) == ("step-00000007", "mean", 1, True)
    asked = play(worker.mesh(last.volume_id, last.level))
    for name in ("vertices", "normals", "faces"):
        np.testing.assert_array_equal(getattr(last.mesh, name), getattr(asked, name))
    held = play(worker.volume(last.volume_id))
    np.testing.assert_array_equal(held.array, last.array)
    assert (held.kind, held.pixel_size_angstrom, held.level) == ("network", 8.0, last.level)
    assert held.facts["rows_used"] == 2 and held.origin_angstrom == (0.0, 0.0, 0.0)


def test_a_newer_request_of_a_slot_supersedes(
    worker: VolumeWorker, play: Callable[..., Any], all_stages: Callable[..., Any]
) -> None:
    async def compete() -> tuple[Any, Any, Any]:
        older = asyncio.create_task(all_stages(worker, [1], slot="one", box_px=LARGE_PX))
        other = asyncio.create_task(all_stages(worker, [2], slot="two"))
        await asyncio.sleep(0)  # both are sent
        newer = asyncio.create_task(all_stages(worker, [4, 5], slot="one"))
        return tuple(await asyncio.gather(older, other, newer, return_exceptions=True))

    older, other, newer = play(compete())
    assert isinstance(older, Superseded) and "newer request" in str(older)
    assert other[-1].last and other[-1].rows_total == 1
    assert newer[-1].last and newer[-1].rows_total == 2


def test_an_iterator_that_is_left_cancels_its_request(
    worker: VolumeWorker, play: Callable[..., Any], all_stages: Callable[..., Any]
) -> None:
    async def leave() -> Any:
        stages = worker.stages(VolumeRequest("left", np.array([1]), coarsest_px=8, box_px=LARGE_PX))
        await anext(stages)
        await stages.aclose()
        return await all_stages(worker, [2], slot="right")

    assert play(leave())[-1].last


def test_a_slider_works_during_a_generation(
    worker: VolumeWorker, play: Callable[..., Any], all_stages: Callable[..., Any], volume_id: str
) -> None:
    async def slide() -> tuple[int, bool]:
        generating = asyncio.create_task(all_stages(worker, [1], slot="slow", box_px=LARGE_PX))
        level, faces = (await worker.volume(volume_id)).level, 0
        for _ in range(3):
            faces += len((await worker.mesh(volume_id, level)).faces)
        early = not generating.done()
        assert (await generating)[-1].last
        return faces, early

    faces, early = play(slide())
    assert faces > 0 and early


def test_metrics_of_a_map_against_itself(worker: VolumeWorker, play: Callable[..., Any], volume_id: str) -> None:
    found = play(worker.metrics(volume_id, {"volume": volume_id}))
    np.testing.assert_allclose(found.fsc[:-1], 1)
    assert found.fsc_auc == pytest.approx(found.perfect_auc) and found.perfect_auc == pytest.approx(7 / 16)
    assert found.viou == 1.0 and found.chamfer_angstrom == 0.0
    assert found.enclosed_volume_angstrom3 > 0 and found.radius_of_gyration_angstrom > 0
    alone = play(worker.metrics(volume_id))
    assert alone.fsc is None and alone.enclosed_volume_angstrom3 == found.enclosed_volume_angstrom3


def test_metrics_against_a_file_a_truth_and_a_backprojection(
    worker: VolumeWorker, play: Callable[..., Any], volume_id: str, mixture: Path
) -> None:
    name, path = labelled_truths(mixture.parent)[1]
    references: list[Reference] = [{"map": path}, {"truth": 1}, {"truth": name}]
    results = [play(worker.metrics(volume_id, reference)) for reference in references]
    results.append(play(worker.metrics(volume_id, {"truth": 1}, truth_dir=mixture.parent)))
    assert len({found.fsc_auc for found in results}) == 1 and results[0].fsc_auc < 0.4
    assert [found.reference for found in results] == [path.name, name, name, name]
    against = play(worker.metrics(volume_id, {"backprojection": np.arange(30)}))
    assert against.half_fsc.shape == (9,) and "back-projection of 30" in against.reference


def test_a_class_is_backprojected_as_by_the_command(worker: VolumeWorker, play: Callable[..., Any], mixture: Path) -> None:
    table = read_particles(mixture)
    assert table.label is not None
    rows, heard = np.flatnonzero(table.label == 1), []
    found = play(worker.backproject(rows, "panel", lambda done, total: heard.append((done, total))))
    expected = backproject(Particles(table), reconstruction_scale(table, 16, 1), rows)
    held = play(worker.volume(found.volume_id))
    np.testing.assert_allclose(held.array, expected.volume, atol=1e-4 * expected.volume.max())
    np.testing.assert_allclose(found.fsc, expected.fsc, atol=1e-4)
    assert found.resolution_05_angstrom == pytest.approx(expected.resolution_angstrom(0.5), rel=1e-3)
    assert (found.count, found.box_px, found.pixel_size_angstrom, heard) == (30, 16, 12.0, [(30, 30)])
    against = play(worker.metrics(found.volume_id, {"truth": 1}))
    other = play(worker.metrics(found.volume_id, {"truth": 0}))
    assert against.fsc_auc > other.fsc_auc and against.half_fsc is not None


def test_histogram_and_projections(worker: VolumeWorker, play: Callable[..., Any], volume_id: str) -> None:
    array = play(worker.volume(volume_id)).array
    found = play(worker.histogram(volume_id))
    assert found.counts.sum() == array.size and len(found.edges) == len(found.counts) + 1
    assert (found.edges[0], found.edges[-1]) == pytest.approx((array.min(), array.max()))
    assert found.deviation == pytest.approx(array.std(), rel=1e-4)
    assert (found.box_px, found.pixel_size_angstrom) == (len(array), 12.0)
    sums = play(worker.projections(volume_id))
    for axis, name in enumerate(("along_z", "along_y", "along_x")):
        np.testing.assert_allclose(getattr(sums, name), array.sum(axis=axis), rtol=1e-5, atol=1e-5)


def test_a_difference_leaves_what_only_one_map_has(worker: VolumeWorker, play: Callable[..., Any], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base, extra = rng.normal(size=(16,) * 3).astype(np.float32), np.zeros((16,) * 3, np.float32)
    extra[3, 4, 5] = 5.0
    for name, array in (("a", base + extra), ("b", 2 * base), ("c", np.ones((12,) * 3))):
        write_volume(tmp_path / f"{name}.mrc", array, 3.0)
    a, b, c = (play(worker.add_map(tmp_path / f"{name}.mrc")) for name in "abc")
    held = play(worker.volume(play(worker.difference(a, b))))
    np.testing.assert_allclose(held.array, extra, atol=0.05)
    assert held.facts["scale"] == pytest.approx(0.5, abs=0.01) and held.kind == "difference" and 0 < held.level < 5
    assert not play(worker.volume(play(worker.difference(a, a)))).array.any()
    for scaling, expected in (("none", 1.0), ("deviation", float((base + extra).std() / (2 * base).std()))):
        assert play(worker.volume(play(worker.difference(a, b, scaling)))).facts["scale"] == pytest.approx(expected, rel=1e-5)
    inner = play(worker.volume(play(worker.difference(a, c))))
    assert len(inner.array) == 12
    assert inner.origin_angstrom == (6.0, 6.0, 6.0), "cut around the centre of the first"


def test_an_uploaded_map(worker: VolumeWorker, play: Callable[..., Any], tmp_path: Path) -> None:
    array, path = np.random.default_rng(1).normal(size=(9,) * 3).astype(np.float32), tmp_path / "mine.mrc"
    write_volume(path, array, 2.5, (1.0, 2.0, 3.0))
    for source in (path, path.read_bytes()):
        held = play(worker.volume(play(worker.add_map(source))))
        np.testing.assert_array_equal(held.array, array)
        assert (held.pixel_size_angstrom, held.origin_angstrom, held.kind) == (2.5, (1.0, 2.0, 3.0), "map")
    play(worker.save(play(worker.add_map(path)), tmp_path / "saved.mrc"))
    assert read_volume(tmp_path / "saved.mrc")[1:] == (2.5, (1.0, 2.0, 3.0))
    assert play(worker.volume(play(worker.add_map(path, pixel_size_angstrom=4.0)))).pixel_size_angstrom == 4.0
    with mrcfile.mmap(path, mode="r+") as mrc:
        mrc.voxel_size = 0
    with pytest.raises(InputFileError, match=r"mine\.mrc does not state its pixel size"):
        play(worker.add_map(path.read_bytes(), name="mine.mrc"))
    with pytest.raises(InputFileError, match="the uploaded map is not an MRC file") as caught:
        play(worker.add_map(b"x" * 2000))
    assert "/" not in str(caught.value)


def test_a_saved_map_is_the_commands(
    worker: VolumeWorker, play: Callable[..., Any], all_stages: Callable[..., Any], analysed_run: Run, tmp_path: Path
) -> None:
    words = ["--particles", "3", "--box", "24", "--accelerator", "cpu", "-o", str(tmp_path / "maps")]
    assert main(["volumes", str(analysed_run.path), *words]) == 0
    last = play(all_stages(worker, [3], method="particle", box_px=24))[-1]
    play(worker.save(last.volume_id, tmp_path / "saved.mrc"))
    saved, expected = ((tmp_path / name).read_bytes() for name in ("saved.mrc", "maps/particle_0000003.mrc"))
    label = slice(224, 1024)  # holds the time of writing
    assert saved[: label.start] == expected[: label.start] and saved[label.stop :] == expected[label.stop :]
    assert {path.name for path in tmp_path.iterdir()} == {"saved.mrc", "maps"}


def test_half_maps_are_saved(worker: VolumeWorker, play: Callable[..., Any], tmp_path: Path) -> None:
    made = play(worker.backproject(np.arange(40), "a"))
    for half in (1, 2):
        play(worker.save(made.volume_id, tmp_path / f"half{half}.mrc", half))
    first, second = (read_volume(tmp_path / f"half{half}.mrc")[0] for half in (1, 2))
    np.testing.assert_allclose(fourier_shell_correlation(first, second), made.fsc, atol=1e-5)
    mine = play(worker.add_map(tmp_path / "half1.mrc", name="mine"))
    with pytest.raises(MetricError, match="mine has no half maps; only a back-projection has them"):
        play(worker.save(mine, tmp_path / "x.mrc", 1))
    assert not (tmp_path / "x.mrc").exists()


def test_a_low_passed_volume_is_another(worker: VolumeWorker, play: Callable[..., Any], volume_id: str) -> None:
    before = play(worker.volume(volume_id))
    after = play(worker.volume(play(worker.low_pass(volume_id, 60.0))))
    np.testing.assert_array_equal(after.array, low_passed(before.array, before.pixel_size_angstrom, 60.0))
    assert after.facts["low_pass_angstrom"] == 60.0 and after.level != before.level and after.kind == "network"


def test_pictures_of_particles(worker: VolumeWorker, play: Callable[..., Any]) -> None:
    images = play(worker.montage([5, 2, 59], 24, flip_ctf=True, low_pass_angstrom=50.0))
    assert images.shape == (3, 24, 24) and images.dtype == np.uint8 and images.std(axis=(1, 2)).min() > 20


@pytest.mark.parametrize(
    ("ask", "kind", "sentence"),
    [
        (lambda worker, one: worker.mesh(one, 1e9), MetricError, "no surface at density 1e\\+09: the map lies between"),
        (lambda worker, _: worker.montage([], 16), RunError, "no particle is selected"),
        (lambda worker, _: worker.montage([60], 16), RunError, "no particle 60"),
        (lambda worker, _: worker.montage([6], 17), ConfigError, "not 17"),
        (lambda worker, _: worker.backproject([], "a"), RunError, "no particle is selected"),
        (lambda worker, _: worker.backproject([4], "a"), InputFileError, "at least 2 particles"),
        (lambda worker, one: worker.metrics(one, {"truth": 7}), MetricError, "no true map of 7; the first of the 2 known"),
        (lambda worker, one: worker.metrics(one, {"map": "/no/such.mrc"}), InputFileError, "/no/such.mrc does not exist"),
        (lambda worker, one: worker.metrics(one, {"map": "a", "truth": 1}), MetricError, "map and truth; choose one"),
        (lambda worker, one: worker.metrics(one, {"mask": "a"}), MetricError, "with 'mask'; choose"),
        (lambda worker, one: worker.save(one, Path("/no/such/a.mrc")), InputFileError, "its folder does not exist"),
        (lambda worker, _: worker.volume("other-1"), VolumeGone, "'other-1' is no longer held"),
        (lambda worker, one: worker.volume(f"{one}0000"), VolumeGone, "0000' is no longer held by the worker"),
        (lambda worker, one: worker.difference(one, "other-1"), VolumeGone, "'other-1'"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(
    worker: VolumeWorker, play: Callable[..., Any], volume_id: str, ask: Any, kind: type[CryoHypeError], sentence: str
) -> None:
    pid = worker.pid
    with pytest.raises(kind, match=sentence):
        play(ask(worker, volume_id))
    assert worker.pid == pid


def test_an_empty_selection_is_one_sentence(
    worker: VolumeWorker, play: Callable[..., Any], all_stages: Callable[..., Any]
) -> None:
    with pytest.raises(RunError, match="no particle is selected; select at least one"):
        play(all_stages(worker, []))


def test_only_the_last_volumes_are_held(
    worker: VolumeWorker, play: Callable[..., Any], all_stages: Callable[..., Any], volume_id: str
) -> None:
    async def fill() -> None:
        for number in range(MOST_VOLUMES // 2):
            await all_stages(worker, [number % 60])
        await worker.histogram(volume_id)  # used, so held longer than its elders
        for number in range(MOST_VOLUMES - 4):
            await all_stages(worker, [number % 60])
        await worker.histogram(volume_id)
        for number in range(MOST_VOLUMES):
            await all_stages(worker, [number % 60])

    play(fill())
    with pytest.raises(VolumeGone, match="ask for it again"):
        play(worker.mesh(volume_id, 0.0))
