"""Maps from the network, in this process: the same as the command line's, and really cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from cryohype_app.worker.ask import Ask, Cancelled
from cryohype_app.worker.network import Network
from cryohype_app.worker.packing import pack
from cryohype_app.worker.request import VolumeRequest
from cryohype_app.worker.shelf import VolumeShelf
from cryohype_model.errors import ConfigError, CryoHypeError, RunError
from cryohype_model.inference.trained import open_trained_run
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.neighbours import nearest


@pytest.fixture(scope="module")
def network(analysed_run: Run) -> Network:
    return Network(open_trained_run(analysed_run.path, accelerator="cpu"), VolumeShelf("t"))


def _ask(rows: list[int], cancelled: Callable[[], bool] = lambda: False, **how: Any) -> Ask:
    message, arrays = pack(VolumeRequest("slot", np.array(rows, dtype=np.int64), **how))
    return Ask(message, arrays, cancelled)


@pytest.mark.parametrize("box_px", [None, 12, 24])
def test_the_last_stage_is_the_whole_map(network: Network, box_px: int | None) -> None:
    *_, last = network.stages(_ask([3, 17], box_px=box_px, coarsest_px=8))
    latent = network.trained.mean_latent([3, 17])
    np.testing.assert_array_equal(last.array, network.generator.volume(latent, box_px))
    assert last.last and last.rows_used == last.rows_total == 2
    assert last.pixel_size_angstrom * len(last.array) == pytest.approx(16 * 12.0)


def test_stages_grow_under_one_id(network: Network) -> None:
    first, second = network.stages(_ask([3], coarsest_px=8, with_mesh=True))
    assert [(len(s.array), s.stage, s.last) for s in (first, second)] == [(8, 0, False), (16, 1, True)]
    assert first.volume_id == second.volume_id and first.seconds <= second.seconds
    np.testing.assert_array_equal(network.shelf.get(first.volume_id).array, second.array)
    for stage in (first, second):
        assert stage.mesh is not None and stage.mesh.level == stage.level and len(stage.mesh.faces)
        reach = 1.01 * len(stage.array) * stage.pixel_size_angstrom / 2
        assert abs(stage.mesh.vertices).max() <= reach


def test_a_large_selection_is_sampled_and_says_so(network: Network) -> None:
    rows = list(range(60))
    *_, sampled = network.stages(_ask(rows, most_encoded=20))
    *_, again = network.stages(_ask(rows, most_encoded=20))
    *_, whole = network.stages(_ask(rows, most_encoded=60))
    assert (sampled.rows_used, sampled.rows_total) == (20, 60) and whole.rows_used == 60
    np.testing.assert_array_equal(sampled.array, again.array)
    assert not np.array_equal(sampled.array, whole.array)
    expected = network.generator.volume(network.trained.mean_latent(rows))
    np.testing.assert_allclose(whole.array, expected, atol=1e-5)


def test_a_mean_is_the_command_lines_to_the_last_bit(network: Network) -> None:
    rows = np.tile(np.arange(60), 3)
    *_, last = network.stages(_ask(rows.tolist(), most_encoded=1000))
    np.testing.assert_array_equal(last.array, network.generator.volume(network.trained.mean_latent(rows)))
    assert last.particle is None


def test_a_long_mean_lets_others_pass_and_is_cancelled(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(network.trained.__dict__, "encode_batch", 8)
    passed: list[int] = []
    message, arrays = pack(VolumeRequest("slot", np.arange(60)))
    ask = Ask(message, arrays, cancelled=lambda: len(passed) == 3, let_pass=lambda: passed.append(1))
    with pytest.raises(Cancelled):
        list(network.stages(ask))
    assert len(passed) == 3


def test_medoid_neighbours_and_particle(network: Network, analysed_run: Run) -> None:
    pca = np.asarray(read_latents(analysed_run).pca)
    rows = [1, 5, 8, 13]
    medoid = rows[int(np.sqrt(((pca[rows][:, None] - pca[rows][None]) ** 2).sum(-1)).sum(1).argmin())]
    for method, used in (("medoid", [medoid]), ("neighbours", nearest(pca, medoid, 7)), ("particle", [medoid])):
        *_, last = network.stages(_ask(rows, method=method, neighbours=7))
        assert (last.rows_used, last.rows_total, last.method, last.particle) == (len(used), 4, method, medoid)
        np.testing.assert_array_equal(last.array, network.generator.volume(network.trained.mean_latent(used)))


def test_without_an_analysis_one_particle_can_be_seen(pristine_run: Run) -> None:
    bare = Network(open_trained_run(pristine_run.path, accelerator="cpu"), VolumeShelf("t"))
    assert [stage.last for stage in bare.stages(_ask([3], method="medoid"))] == [True]
    with pytest.raises(RunError, match="cryohype analyze"):
        list(bare.stages(_ask([3, 4], method="medoid")))


def test_nothing_is_computed_after_a_cancel(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, asked = False, 0

    def count(*_: object) -> None:
        nonlocal asked
        asked += 1

    hook = network.generator.model.inr.register_forward_hook(count)
    try:
        stages = network.stages(_ask([3], lambda: stop, coarsest_px=8))
        next(stages)
        before, stop = asked, True
        assert before > 0 and list(stages) == [] and asked == before
        with pytest.raises(Cancelled):
            list(network.stages(_ask([3], lambda: True)))
        assert asked == before
    finally:
        hook.remove()


def test_a_backprojection_is_cancelled_between_batches_and_lets_others_pass(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cryohype_model.inference.backproject.BATCH", 8)
    told: list[tuple[int, int]] = []
    passed: list[int] = []
    ask = Ask(
        {},
        {"rows": np.arange(40)},
        cancelled=lambda: len(told) == 3,
        report=lambda done, total: told.append((done, total)),
        let_pass=lambda: passed.append(len(told)),
    )
    with pytest.raises(Cancelled):
        list(network.backproject(ask))
    assert told == [(8, 40), (16, 40), (24, 40)] and passed == [1, 2]


def test_the_same_particles_are_backprojected_once(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = network.backproject(Ask({}, {"rows": np.array([5, 3, 9])}))
    monkeypatch.setattr("cryohype_app.worker.network.backproject", None)
    (again,) = network.backproject(Ask({}, {"rows": np.array([3, 5, 9])}))
    assert again.volume_id == first.volume_id and again.count == 3


@pytest.mark.parametrize(
    ("rows", "how", "sentence"),
    [
        ([], {}, "no particle is selected; select at least one"),
        ([3, 60], {}, "there is no particle 60; the run has 60, numbered 0 to 59"),
        ([-1], {}, "there is no particle -1"),
        ([3], {"method": "median"}, "no method 'median'"),
        ([3], {"neighbours": 0}, "at least 1 neighbour"),
        ([3], {"box_px": 15}, "even and at least 8 px, not 15"),
        ([3], {"box_px": 802}, "at most 800 px here, not 802"),
        ([3], {"coarsest_px": 7}, "coarsest box must be even"),
    ],
)
def test_an_impossible_request_is_one_sentence(network: Network, rows: list[int], how: dict[str, Any], sentence: str) -> None:
    with pytest.raises((ConfigError, RunError), match=sentence) as caught:
        list(network.stages(_ask(rows, **how)))
    assert isinstance(caught.value, CryoHypeError)


def test_a_map_without_contrast_has_no_level(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network.generator, "_to_volume", lambda _values, _pixels, box: np.ones((box,) * 3, np.float32))
    (stage,) = network.stages(_ask([3], with_mesh=True))
    assert stage.level is None and stage.mesh is None
    assert torch.is_inference_mode_enabled() is False


def test_the_basis_volumes_make_a_map_too(make_variant: Callable[..., Run], network: Network) -> None:
    trained = open_trained_run(make_variant(basis_volumes=5, basis_hidden=16, image_tokens=False).path, accelerator="cpu")
    own = Network(trained, VolumeShelf("t"))
    *_, last = own.stages(_ask([3, 17], method="linear", coarsest_px=8))
    whole = trained.generator.volume(trained.mean_code([3, 17], "linear"))
    np.testing.assert_allclose(last.array, whole, atol=1e-5 * np.abs(whole).max())
    assert (last.method, last.rows_used, last.particle) == ("linear", 2, None)
    with pytest.raises(RunError, match="no basis volumes"):
        list(network.stages(_ask([3], method="linear")))
