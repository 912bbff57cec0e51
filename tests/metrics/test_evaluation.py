"""Evaluation of pairs, pairing, published rows, report files and figures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from cryohype_model.errors import InputFileError, MetricError
from cryohype_model.io.mrc import write_volume
from cryohype_model.metrics import pairs, published
from cryohype_model.metrics.classification import classify
from cryohype_model.metrics.evaluation import EvaluationTable, evaluate_maps
from cryohype_model.metrics.report import Evaluation, flat_record, write_figures, write_report
from cryohype_model.metrics.threshold import ThresholdPolicy

BOX_PX, PIXEL_ANGSTROM = 16, 3.0


def _truth(seed: int, box_px: int = BOX_PX) -> np.ndarray:
    """A few bright boxes inside an empty one."""
    rng, volume = np.random.default_rng(seed), np.zeros((box_px,) * 3, np.float32)
    for corner in rng.integers(3, box_px - 7, (4, 3)):
        z, y, x = corner
        volume[z : z + 4, y : y + 4, x : x + 4] += 1
    return volume


def _pairs(folder: Path, noise: float, count: int = 3) -> list[pairs.MapPair]:
    made = []
    for seed in range(count):
        truth = _truth(seed)
        noisy = truth + noise * np.random.default_rng(seed + 99).normal(size=truth.shape)
        write_volume(folder / f"map_{seed}.mrc", noisy, PIXEL_ANGSTROM)
        write_volume(folder / f"truth_{seed}.mrc", truth, PIXEL_ANGSTROM)
        made.append(pairs.MapPair(f"s{seed}", folder / f"map_{seed}.mrc", folder / f"truth_{seed}.mrc"))
    return made


def test_identical_maps_are_perfect(tmp_path: Path) -> None:
    table = evaluate_maps(_pairs(tmp_path, 0.0), ThresholdPolicy())
    assert table.column("fsc_auc") == pytest.approx([(8 - 1) / 16] * 3)
    assert table.perfect == (8 - 1) / 16
    for metric, value in (("viou", 1), ("chamfer_angstrom", 0), ("resolution_fsc05_px", 2), ("resolution_fsc05_angstrom", 6)):
        np.testing.assert_allclose(table.column(metric), value, err_msg=metric)
    assert table.summary()["fsc_auc"]["std"] == pytest.approx(0)


def test_more_noise_is_worse_in_every_metric(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    good = evaluate_maps(_pairs(tmp_path / "a", 0.2), ThresholdPolicy()).summary()
    bad = evaluate_maps(_pairs(tmp_path / "b", 2.0), ThresholdPolicy()).summary()
    for metric, sign in (("fsc_auc", 1), ("viou", 1), ("chamfer_angstrom", -1), ("resolution_fsc05_px", -1)):
        assert sign * (good[metric]["mean"] - bad[metric]["mean"]) > 0, metric


def test_a_map_without_shape_leaves_its_fsc(tmp_path: Path) -> None:
    given = _pairs(tmp_path, 0.1)
    write_volume(given[1].map_path, np.zeros((BOX_PX,) * 3), PIXEL_ANGSTROM)
    table = evaluate_maps(given, ThresholdPolicy())
    assert np.isnan(table.rows[1].viou) and np.isnan(table.rows[1].chamfer_angstrom)
    assert "not defined" in table.rows[1].note
    assert table.rows[1].fsc_auc == pytest.approx(0.5 / 16)  # only FSC(0) := 1 counts
    assert table.summary()["viou"]["count"] == 2


def test_a_mask_removes_what_lies_outside(tmp_path: Path) -> None:
    given = _pairs(tmp_path, 0.0, count=1)
    dirty = _truth(0)
    dirty[0, :, :] = 5
    write_volume(given[0].map_path, dirty, PIXEL_ANGSTROM)
    inside = np.ones((BOX_PX,) * 3, np.float32)
    inside[0] = 0
    write_volume(tmp_path / "mask.mrc", inside, PIXEL_ANGSTROM)
    plain, masked = (evaluate_maps(given, ThresholdPolicy(), mask) for mask in (None, tmp_path / "mask.mrc"))
    assert plain.rows[0].fsc_auc < masked.rows[0].fsc_auc == pytest.approx(masked.perfect)
    assert masked.masked and not plain.masked


def test_other_box_pixel_size_or_mask_are_refused(tmp_path: Path) -> None:
    given = _pairs(tmp_path, 0.1)
    write_volume(tmp_path / "mask.mrc", np.ones((8, 8, 8)), PIXEL_ANGSTROM)
    with pytest.raises(MetricError, match=r"mask.*box 8"):
        evaluate_maps(given, ThresholdPolicy(), tmp_path / "mask.mrc")
    write_volume(given[2].map_path, _truth(2), 4.0)
    with pytest.raises(MetricError, match=r"map_2.*4 Å.*truth_2.*3 Å"):
        evaluate_maps(given, ThresholdPolicy())
    assert evaluate_maps(given, ThresholdPolicy(), pixel_size_angstrom=3.0).pixel_size_angstrom == 3.0
    write_volume(given[2].map_path, _truth(2, 20), 3.0)
    with pytest.raises(MetricError, match=r"map_2.*20.*truth_2.*16"):
        evaluate_maps(given, ThresholdPolicy())
    write_volume(given[2].truth_path, _truth(2, 20), 3.0)
    with pytest.raises(MetricError, match="cannot be summarised together"):
        evaluate_maps(given, ThresholdPolicy())
    with pytest.raises(MetricError, match="nothing to evaluate"):
        evaluate_maps([], ThresholdPolicy())


def test_a_header_without_pixel_size_needs_it_given(tmp_path: Path) -> None:
    given = _pairs(tmp_path, 0.1, count=1)
    write_volume(given[0].map_path, _truth(0), 0.0)
    with pytest.raises(InputFileError, match="--pixel-size"):
        evaluate_maps(given, ThresholdPolicy())
    assert evaluate_maps(given, ThresholdPolicy(), pixel_size_angstrom=2.0).pixel_size_angstrom == 2.0


def test_pairing_by_name_and_by_natural_order() -> None:
    truths = [Path(f"t/{n}.mrc") for n in ("a", "b")]
    made, how = pairs.pair_folders([Path("m/b.map"), Path("m/a.map")], truths)
    assert [(p.map_path.name, p.truth_path.name) for p in made] == [("a.map", "a.mrc"), ("b.map", "b.mrc")] and "name" in how
    maps = sorted((Path(f"m/vol_{n}.mrc") for n in (10, 9)), key=pairs.natural_order)
    made, how = pairs.pair_folders(maps, truths)
    assert [p.map_path.name for p in made] == ["vol_9.mrc", "vol_10.mrc"] and "natural" in how
    with pytest.raises(MetricError, match=r"1 maps.*2 truths.*only on one side: b"):
        pairs.pair_folders([Path("m/a.mrc")], truths)


def test_natural_order_copes_with_digits_and_letters_in_one_place() -> None:
    names = ["10.mrc", "a.mrc", "2b.mrc", "b1.mrc", "2.mrc"]
    assert [p.name for p in sorted(map(Path, names), key=pairs.natural_order)][-2:] == ["a.mrc", "b1.mrc"]


def test_stem_knows_compressed_maps() -> None:
    assert [pairs.stem(Path(n)) for n in ("a.b.mrc.gz", "a.MAP", "a.txt")] == ["a.b", "a", "a.txt"]


def test_pairs_by_label(tmp_path: Path) -> None:
    (tmp_path / "volumes").mkdir()
    for name in ("x", "y"):
        write_volume(tmp_path / "volumes" / f"{name}.mrc", _truth(0), PIXEL_ANGSTROM)
    in_order = pairs.labelled_truths(tmp_path / "volumes")
    assert {label: name for label, (name, _) in in_order.items()} == {0: "x", 1: "y"}
    structures = [{"label": 7, "name": "apple", "map": "volumes/y.mrc"}, {"label": 0, "name": "pear", "map": "volumes/x.mrc"}]
    (tmp_path / "truth.json").write_text(json.dumps({"structures": structures}))
    for folder in (tmp_path, tmp_path / "volumes"):
        truths = pairs.labelled_truths(folder)
        made = pairs.pair_labels([(7, Path("a")), (0, Path("b")), (7, Path("c"))], truths)
        assert [(p.name, p.truth_path.name) for p in made] == [("apple", "y.mrc"), ("pear", "x.mrc"), ("apple #2", "y.mrc")]
    with pytest.raises(MetricError, match="label 3 has no true map"):
        pairs.pair_labels([(3, Path("a"))], truths)
    (tmp_path / "truth.json").write_text(json.dumps({"structures": [{"label": 0, "name": "a", "map": "volumes/z.mrc"}]}))
    with pytest.raises(InputFileError, match=r"z\.mrc, which does not exist"):
        pairs.labelled_truths(tmp_path)
    (tmp_path / "truth.json").write_text("{}")
    with pytest.raises(InputFileError, match="damaged"):
        pairs.labelled_truths(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("map,true\na.mrc,a.mrc\n", "needs the columns map,truth"),
        ("map,truth\n", "at least one row"),
        ("map,truth\na.mrc,b.mrc\n", "line 2 names .*b.mrc"),
        ("map,truth\na.mrc\n", "line 2 lacks"),
    ],
)
def test_bad_pair_files_name_their_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.mrc").touch()
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(InputFileError, match=message):
        pairs.read_pairs(tmp_path / "pairs.csv", tmp_path, tmp_path)


def test_published_rows_are_the_papers() -> None:
    rows = {row.method: row for row in published.published_rows("Tomotwin-100")}
    assert (rows["CryoHype"].fsc_auc.mean, rows["CryoHype"].fsc_auc.std, rows["CryoHype"].fsc_auc.median) == (0.346, 0.033, 0.353)
    assert rows["3D classification"].chamfer is None
    for size, better in ((10, 0.464), (100, 0.409), (200, 0.377), (500, 0.305), (1000, 0.232)):
        assert published.published_rows(f"sim2struct-{size}")[-1].fsc_auc.mean == better
    with pytest.raises(MetricError, match="sim2struct-100"):
        published.published_rows("sim2struct-99")


@pytest.fixture
def table(tmp_path: Path) -> EvaluationTable:
    folder = tmp_path / "maps"
    folder.mkdir()
    return evaluate_maps(_pairs(folder, 0.3), ThresholdPolicy())


def test_report_files_hold_the_numbers(tmp_path: Path, table: EvaluationTable) -> None:
    labels = np.array([0, 0, 1, 1, -1])
    evaluation = Evaluation(
        table, table, classify(labels, np.array([1, 1, 0, 0, 0]), np.eye(5)), published.TOMOTWIN_100, "by hand"
    )
    write_report(tmp_path, evaluation)
    with (tmp_path / "per_structure.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["set"] for row in rows] == ["maps"] * 3 + ["back-projection"] * 3
    assert float(rows[1]["fsc_auc"]) == table.rows[1].fsc_auc
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["means"]["fsc_auc"] == summary["means"]["fsc_auc_bound"] == table.summary()["fsc_auc"]["mean"]
    assert summary["classification"]["particles"] == 4
    assert summary["means"]["accuracy"] == 1
    with (tmp_path / "fsc_curves.csv").open(newline="") as file:
        curves = list(csv.reader(file))
    assert len(curves) == 1 + BOX_PX // 2 + 1
    assert float(curves[-1][1]) == pytest.approx(1 / (2 * PIXEL_ANGSTROM), rel=1e-5)


def test_undefined_values_are_empty_and_null(tmp_path: Path) -> None:
    given = _pairs(tmp_path, 0.1, count=1)
    write_volume(given[0].map_path, np.zeros((BOX_PX,) * 3), PIXEL_ANGSTROM)
    evaluation = Evaluation(evaluate_maps(given, ThresholdPolicy()), None, None, (), "by hand")
    write_report(tmp_path, evaluation)
    assert json.loads((tmp_path / "summary.json").read_text())["means"]["viou"] is None
    with (tmp_path / "per_structure.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["viou"] == ""
    assert flat_record(evaluation)["accuracy"] is None


@pytest.mark.parametrize("defined", [True, False])
def test_figures_are_pictures_even_where_nothing_is_defined(tmp_path: Path, defined: bool) -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib: pip install cryohype[train]")
    given = _pairs(tmp_path, 0.1, count=2)
    policy = ThresholdPolicy() if defined else ThresholdPolicy("level", 1e9)
    labels = np.array([0, 0, 1, 1])
    evaluation = Evaluation(evaluate_maps(given, policy), None, classify(labels, labels - 1, None), (), "by hand")
    written = write_figures(tmp_path, evaluation)
    assert {path.name for path in written} == {"fsc_curves.png", "histograms.png", "fsc_auc_against_shape.png", "confusion.png"}
    assert all(path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for path in written)


def test_the_fsc_figure_draws_the_mean_curve(table: EvaluationTable) -> None:
    figures = pytest.importorskip("cryohype_model.metrics.figures", reason="figures need matplotlib: pip install cryohype[train]")
    figure = figures.fsc_figure({"maps": table})
    line = figure.axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), table.curves.mean(axis=0)[1:])
    assert line.get_xdata()[-1] == pytest.approx(1 / (2 * PIXEL_ANGSTROM))
    assert "1/Å" in figure.axes[0].get_xlabel()


def test_the_confusion_figure_puts_the_unassigned_last() -> None:
    figures = pytest.importorskip("cryohype_model.metrics.figures", reason="figures need matplotlib: pip install cryohype[train]")
    figure = figures.confusion_figure(np.array([0, -1, 1, 1]), np.array([0, 0, 1, 1]))
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), [[0.5, 0, 0.5], [0, 1, 0]])
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["0", "1", "none"]


def test_classify_leaves_out_unknown_classes_and_says_what_is_missing() -> None:
    result = classify(np.array([3, 3, 5, 5, -1]), None, np.array([[0.0], [0.1], [9.0], [9.1], [4.0]]), neighbours=1)
    assert result.by_clusters is None and result.matched is None and result.adjusted_rand_index is None
    assert result.by_neighbours is not None and result.by_neighbours.accuracy == 1
    with pytest.raises(MetricError, match="known class"):
        classify(np.array([-1, -1]), np.array([0, 0]), None)
    with pytest.raises(MetricError, match="one value a particle"):
        classify(np.array([0, 1]), np.array([0, 0, 1]), None)
