"""Maps by the basis volumes alone: linear in the coefficients, the same from library, command line and worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cryohype_model.analysis.analyze import Parts, analyze
from cryohype_model.analysis.progress import Silent
from cryohype_model.cli import main
from cryohype_model.errors import RunError
from cryohype_model.inference.generate import Coefficients
from cryohype_model.inference.trained import TrainedRun, open_trained_run
from cryohype_model.io.mrc import read_volume
from cryohype_model.nets.grid_volumes import GridVolumes
from cryohype_model.runs.layout import Run
from cryohype_model.runs.volumes import read_volume_series

ROWS = [3, 8, 17, 40]


@pytest.fixture(params=["complex", "hartley"])
def with_basis(request: pytest.FixtureRequest, make_variant: Callable[..., Run]) -> Run:
    """A run with basis volumes; how the INR answers makes no difference to them."""
    return make_variant(basis_volumes=5, basis_hidden=16, image_tokens=False, inr={"output": request.param})


def opened(run: Run) -> TrainedRun:
    return open_trained_run(run.path, accelerator="cpu")


def test_the_map_of_a_mean_is_the_mean_of_the_maps(with_basis: Run) -> None:
    trained = opened(with_basis)
    volume = trained.generator.volume
    alone = [volume(trained.mean_code([row], "linear")) for row in ROWS]
    together = volume(trained.mean_code(ROWS, "linear"))
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-5 * np.abs(together).max())
    assert np.std(alone, axis=0).max() > 1e-3 * np.abs(together).max()  # they do depend on the images


def test_the_mean_volume_has_coefficients_of_nought(with_basis: Run) -> None:
    """And each basis volume adds itself: V(z) - V(0) is what z makes of them, twice it for 2 z."""
    trained = opened(with_basis)
    code = trained.mean_code(ROWS[:1], "linear")
    assert isinstance(code, Coefficients)
    assert code.z.shape == (1, 5)
    nought, once, twice = (trained.generator.volume(Coefficients(factor * code.z)) for factor in (0, 1, 2))
    np.testing.assert_allclose(twice - nought, 2 * (once - nought), atol=1e-5 * np.abs(once).max())


def test_stages_are_those_of_the_whole_map(with_basis: Run) -> None:
    trained = opened(with_basis)
    code = trained.mean_code(ROWS, "linear")
    first, last = trained.generator.stages(code, coarsest_px=8)
    np.testing.assert_allclose(last.volume, trained.generator.volume(code), atol=1e-5 * np.abs(last.volume).max())
    np.testing.assert_allclose(first.volume, trained.generator.volume(code, 8), atol=1e-5 * np.abs(first.volume).max())


def test_a_volume_on_the_grid_comes_back_where_it_is(make_variant: Callable[..., Run]) -> None:
    """A blob whose transform is known in closed form, off the centre and off the axes: places, handedness and density."""
    run = make_variant(basis_volumes=2, basis_form="grid", basis_radius=1.0, image_tokens=False)
    trained = opened(run)
    basis, box, width = trained.model.basis, trained.scale.box_px, 1.5
    assert isinstance(basis, GridVolumes)
    k = basis.lattice.pixels().double() / box
    at = torch.tensor([3.0, -2.0, 1.0], dtype=torch.float64)  # x, y, z in pixels from the centre
    falls = torch.exp(-2 * (torch.pi * width * k.norm(dim=1)) ** 2)
    phase = -2 * torch.pi * k @ at
    basis.table[:, 0], basis.table[:, 3] = (falls * phase.cos()).float(), (falls * phase.sin()).float()
    volume = trained.generator.volume(Coefficients(torch.zeros(1, 2))) / trained.scale.density_factor
    z, y, x = np.indices(volume.shape) - box // 2
    blob = np.exp(-((x - 3) ** 2 + (y + 2) ** 2 + (z - 1) ** 2) / (2 * width**2)) / (2 * np.pi * width**2) ** 1.5
    np.testing.assert_allclose(volume, blob, atol=0.02 * blob.max())


def test_the_command_line_makes_the_same(with_basis: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--particles", "3,17", "--method", "linear", "-o", str(tmp_path / "maps"), "--accelerator", "cpu", "--json"]
    assert main(["volumes", str(with_basis.path), *words]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [entry["method"] for entry in told["maps"]] == ["linear", "linear"]
    trained = opened(with_basis)
    expected = trained.generator.volume(trained.mean_code([17], "linear"))
    np.testing.assert_allclose(read_volume(tmp_path / "maps" / "particle_0000017.mrc")[0], expected, atol=1e-5)


def test_an_analysis_makes_one_of_each_cluster_and_compares_it(make_variant: Callable[..., Run]) -> None:
    run = make_variant(basis_volumes=5, basis_hidden=16, image_tokens=False)
    trained = opened(run)
    config = trained.config.analysis.model_copy(update={"clusters": 2})
    result = analyze(trained, config, Silent(), Parts(umap=False, linear_volumes=True))
    series = read_volume_series(run, "cluster-linear-step-00000007")
    members = np.flatnonzero(result.clustering.assignment == 1)
    volume = read_volume(series.map_path(series.entries[1]))[0]
    np.testing.assert_allclose(volume, trained.generator.volume(trained.mean_code(members, "linear")), atol=1e-5)
    assert series.meta["particles_averaged"] == {str(i): size for i, size in enumerate(result.clustering.sizes)}
    assert result.quality is not None
    assert {(one.cluster, one.method) for one in result.quality.maps} == {(c, m) for c in (0, 1) for m in ("medoid", "linear")}
    assert {"linear_maps", "quality"} <= {path.stem for path in result.figures}


def test_without_basis_volumes_there_are_none(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunError, match="no basis volumes"):
        opened(run).mean_code([3], "linear")
    assert main(["volumes", str(run.path), "--particles", "3", "--method", "linear", "-o", str(tmp_path / "m")]) == 2
    assert main(["analyze", str(run.path), "--linear", "--no-umap"]) == 2
    assert "no basis volumes" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()
    assert not list(run.latents.iterdir())
