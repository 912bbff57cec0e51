"""The benchmark of quality: its cases, its watch on other programs, its scores and tables, on tiny data."""

import pickle
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from benchmarks.quality.bound import BackProjection
from benchmarks.quality.cases import ANTIBODY, CASES, Case, Data, fitting, rotating_arm, simulated
from benchmarks.quality.drgn import CryoDrgn, EpochWatch
from benchmarks.quality.known import KnownMaps
from benchmarks.quality.ours import VARIANTS
from benchmarks.quality.processes import Budget, Moment, watched
from benchmarks.quality.protocol import Cost, Outcome, Rows, first_images, nearest_epochs, outcome_of
from benchmarks.quality.scores import confusion, scores, write_picture
from benchmarks.quality.superpose import superposed
from benchmarks.quality.table import class_table, correlation_table, pair_tables, quality_table, spread
from cryohype_model.config import load_config
from cryohype_model.errors import ConfigError
from cryohype_model.io.particles import read_particles
from cryohype_model.metrics.pairs import labelled_truths
from cryohype_model.nets.build import check_sizes
from cryohype_model.simulate.models import read_atoms


@pytest.fixture
def data(mixture: Path) -> Data:
    """The tiny mixture as a case of one pair."""
    labels = read_particles(mixture).label
    assert labels is not None
    return Data(mixture.parent, Case("pairs", 2, 16, 12.0, "demo", 30, 1.0), labels, labelled_truths(mixture.parent))


def _perfect(data: Data, folder: Path) -> Outcome:
    """A method that knows everything: the true maps, and latents far apart."""
    space = np.random.default_rng(0).normal(size=(len(data.labels), 3)).astype(np.float32)
    space[:, 1] += 20 * data.labels

    def decode(groups: list[Rows], out: Path) -> list[Path]:
        out.mkdir(parents=True)
        paths = [out / f"{number}.mrc" for number in range(len(groups))]
        for path, rows in zip(paths, groups, strict=True):
            assert len(set(data.labels[rows[:30]])) == 1
            shutil.copy(data.truths[int(data.labels[rows[0]])][1], path)
        return paths

    return outcome_of(data, space, decode, folder, 2, Cost(60.0, 50.0, 3, 30.0), "knows everything")


def test_what_knows_everything_scores_everything(data: Data, tmp_path: Path) -> None:
    found = scores(data, _perfect(data, tmp_path), seed=0)
    assert found["maps"] == 4
    assert found["fsc_auc"] == pytest.approx(found["perfect"], abs=1e-6)
    assert found["fsc_auc_average"] == pytest.approx(found["perfect"], abs=1e-6)
    assert [found[key] for key in ("accuracy", "precision", "recall", "f1", "knn_f1", "adjusted_rand_index")] == [1.0] * 6
    (pair,) = found["within_pairs"]
    assert pair["nearer_to_own"] == 1.0
    assert pair["confusion"] == [[30, 0], [0, 30]]
    assert pair["fsc_auc_against_twin"] == pytest.approx(pair["fsc_auc_between_truths"], abs=1e-6)
    assert found["correlations"]["viou"]["pearson"] is None  # every map is perfect: nothing varies


def test_back_projection_is_between_nothing_and_perfect(data: Data, tmp_path: Path) -> None:
    method = BackProjection()
    assert method.missing() is None
    outcome = method.reconstruct(data, tmp_path, Budget(None, 1), 0, 3)
    found = scores(data, outcome, seed=0)
    assert 0.1 < found["fsc_auc"] < found["perfect"]
    assert found["within_pairs"][0]["fsc_auc"] > found["within_pairs"][0]["fsc_auc_against_twin"]
    assert "accuracy" not in found
    write_picture(data, outcome, method.name, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_known_maps_are_weighed_by_what_the_image_says(data: Data, tmp_path: Path) -> None:
    method = KnownMaps()
    assert method.missing() is None
    outcome = method.reconstruct(data, tmp_path, Budget(None, 1), 0, 3)
    found = scores(data, outcome, seed=0)
    assert found["accuracy"] > 0.95, "at an SNR of 1"
    assert 0.9 * found["perfect"] < found["fsc_auc"] <= found["perfect"] + 1e-6
    assert outcome.averaged is None and "1.000 of the images" in outcome.how


def test_tables(data: Data, tmp_path: Path) -> None:
    found = scores(data, _perfect(data, tmp_path), seed=0)
    other = found | {"fsc_auc": found["fsc_auc"] - 0.2, "chamfer_angstrom": None}
    results = {
        "known": [found, other],
        "bound": [{key: found[key] for key in ("fsc_auc", "maps", "correlations", "within_pairs")}],
    }
    lines = quality_table(results, bound=found["fsc_auc"]).splitlines()
    mean = found["fsc_auc"] - 0.1
    assert lines[2].startswith(f"| known | 2 | {mean:.3f} ± 0.141 | {mean / found['fsc_auc']:.2f} |")
    assert lines[3].split("|")[5:9] == [" – "] * 4
    assert "| known | 1.000 ± 0.000 |" in class_table(results)
    assert "bound" not in class_table(results)
    assert class_table({"bound": results["bound"]}) == ""
    assert "| known | 4 | – | – |" in correlation_table(results)
    assert "| known |" in pair_tables(results)
    assert "| 30, 0 | 0, 30 |" in pair_tables(results)
    assert len({line.count("|") for line in lines}) == 1
    assert spread([{"a": None}], "a", 1) == "–"


def test_confusion_has_a_row_for_each_known_class() -> None:
    space = np.repeat([[0.0, 0.0], [9.0, 0.0]], [30, 10], axis=0).astype(np.float32)
    space += np.random.default_rng(1).normal(size=space.shape).astype(np.float32) * 0.1
    assert confusion(space, np.repeat([4, 7], 20), [4, 7], seed=0) == [[20, 0], [10, 10]]


def test_data_are_those_of_the_seed_and_cryodrgn_gets_the_same(shared_data: Path, tmp_path: Path) -> None:
    case = Case("mixture", 2, 16, 12.0, "demo", images=3)
    first = simulated(case, shared_data, tmp_path / "a")
    assert [name for name, _ in first.truths.values()] == ["3wxw", "6yeg"]
    table, given = read_particles(first.star), read_particles(first.stack, poses=first.poses, ctf=first.ctf)
    np.testing.assert_array_equal(given.rotation, table.rotation)
    again = simulated(case, shared_data, tmp_path / "b")
    assert again.stack.read_bytes() == first.stack.read_bytes()
    assert [row for _, row in first_images(first.labels, 2)] == [
        row for label in (0, 1) for row in np.flatnonzero(first.labels == label)[:2]
    ]
    with pytest.raises(ConfigError, match="only 0 of 1 models fit 8 Å"):
        fitting([shared_data / "models/3wxw.pdb.gz"], 8.0, 1)


def test_arm_turns_and_the_rest_stays(shared_data: Path) -> None:
    states = rotating_arm(shared_data / ANTIBODY, 4)
    moved = [np.linalg.norm(state.positions_angstrom - states[0].positions_angstrom, axis=1) for state in states]
    turns = moved[2] > 0
    assert 0.25 < turns.mean() < 0.4  # one Fab of an antibody
    assert moved[2].max() > 60
    for state in states:
        np.testing.assert_array_equal(state.positions_angstrom[~turns], states[0].positions_angstrom[~turns])
        np.testing.assert_allclose(state.centre_angstrom, states[0].centre_angstrom)
    # a turn is rigid: distances within the Fab stay
    arms = [state.positions_angstrom[turns][::200] for state in states]
    distances = [np.linalg.norm(arm[:, None] - arm[None], axis=2) for arm in arms]
    np.testing.assert_allclose(distances[1], distances[0], atol=1e-3)


def test_program_is_watched_and_stopped(tmp_path: Path) -> None:
    done = watched([sys.executable, "-c", "print(sum(i * i for i in range(5_000_000)))"], tmp_path / "a.log")
    assert done.output.strip().isdigit()
    assert 0 < done.share_of(done.moments[-1].wall) <= done.moments[-1].cpu + 1e-9
    stopped = watched([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "b.log", lambda moment: moment.wall > 0.5)
    assert stopped.status != 0
    assert stopped.moments[-1].wall < 30
    with pytest.raises(ConfigError, match="failed: NameError"):
        watched([sys.executable, "-c", "nothing"], tmp_path / "c.log")
    with pytest.raises(ConfigError, match="cannot be started"):
        watched([tmp_path / "none"], tmp_path / "d.log")


def test_rival_stops_at_the_epoch_nearest_to_the_budget(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text("Using 0 workers for data loading\n")
    log.with_suffix(".out").write_text("")
    watch = EpochWatch(tmp_path, log, Budget(25.0, None))
    stops = []
    for wall in range(10, 60, 5):  # an epoch ends every ten seconds, from 20 on
        if wall % 10 == 0 and wall > 10:
            (tmp_path / f"z.{wall // 10 - 1}.pkl").write_bytes(pickle.dumps(np.zeros((2, 8))))
        stops.append(watch(Moment(float(wall), wall / 2)))
        if stops[-1]:
            break
    done, spent = watch.result()
    assert (done, spent.wall, spent.cpu) == (2, 20.0, 10.0)  # a third would end at 30, no nearer to 25
    assert nearest_epochs(25.0, 10.0) == 2
    assert EpochWatch(tmp_path, log, Budget(None, 5))(Moment(100.0, 100.0)) is False


def test_absent_rival_and_double_budget_are_told(tmp_path: Path) -> None:
    sentence = CryoDrgn("cryoDRGN", tmp_path / "bin/python", ()).missing()
    assert sentence is not None and "does not exist" in sentence
    with pytest.raises(ConfigError, match="either of time or of epochs"):
        Budget(60.0, 5)
    assert all(case.box_px % 2 == 0 for case in CASES.values())


def test_twins_lie_over_each_other(shared_data: Path) -> None:
    models = shared_data / "models"
    receptor, bound = (models / name for name in ("3p0g.pdb.gz", "3sn6.cif.gz"))
    one, other = superposed(receptor, bound)
    np.testing.assert_array_equal(one.centre_angstrom, other.centre_angstrom)
    # most atoms of the receptor have an atom of the other structure within 2 Å, which the frames of the files do not give
    assert np.mean(cKDTree(other.positions_angstrom).query(one.positions_angstrom)[0] < 2) > 0.6
    assert np.mean(cKDTree(read_atoms(bound).positions_angstrom).query(one.positions_angstrom)[0] < 2) < 0.3
    apart = [np.linalg.norm(np.diff(each.positions_angstrom[:500], axis=0), axis=1) for each in (read_atoms(bound), other)]
    np.testing.assert_allclose(*apart, atol=1e-3)
    with pytest.raises(ConfigError, match="share fewer than 100 residues"):
        superposed(receptor, models / "3wxw.pdb.gz")


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_a_configuration(name: str) -> None:
    config = load_config(preset="cpu-small", overrides=list(VARIANTS[name]))
    check_sizes(config.model, 32)
    assert (config.model == load_config(preset="cpu-small").model) == all(key.startswith("training.") for key in VARIANTS[name])
