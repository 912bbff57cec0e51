"""`cryohype evaluate` end to end: any program's maps, a run, and every input that must get its sentence."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from cryohype_model.cli import main
from cryohype_model.io.mrc import write_volume
from cryohype_model.metrics.fsc import fsc_auc
from cryohype_model.runs.latents import LatentWriter
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import Manifest

BOX_PX, PIXEL_ANGSTROM, COUNT = 16, 3.0, 4


def _truth(seed: int) -> np.ndarray:
    rng, volume = np.random.default_rng(seed), np.zeros((BOX_PX,) * 3, np.float32)
    for z, y, x in rng.integers(3, BOX_PX - 7, (4, 3)):
        volume[z : z + 4, y : y + 4, x : x + 4] += 1
    return volume


def _noisy(seed: int, noise: float = 0.3) -> np.ndarray:
    return (_truth(seed) + noise * np.random.default_rng(seed + 50).normal(size=(BOX_PX,) * 3)).astype(np.float32)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with truth/, maps/ and better/ of the same names."""
    for folder, noise in (("truth", 0.0), ("maps", 0.3), ("better", 0.1)):
        (tmp_path / folder).mkdir()
        for seed in range(COUNT):
            write_volume(tmp_path / folder / f"s{seed}.mrc", _noisy(seed, noise), PIXEL_ANGSTROM)
    return tmp_path


def _evaluate(data: Path, *words: str) -> int:
    return main(["evaluate", str(data / "maps"), "--truth", str(data / "truth"), "-o", str(data / "out"), *words])


def test_a_folder_of_maps(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savetxt(data / "labels.txt", np.repeat([0, 1], 5), fmt="%d")
    np.save(data / "clusters.npy", np.repeat([7, 3], 5))
    words = ["--labels", str(data / "labels.txt"), "--clusters", str(data / "clusters.npy"), "--dataset", "sim2struct-1000"]
    assert _evaluate(data, "--json", "--back-projection", str(data / "better"), *words) == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out)  # one object and nothing else on standard output
    assert record["structures"] == COUNT
    assert record["fsc_auc"] == pytest.approx(np.mean([fsc_auc(_noisy(s), _truth(s)) for s in range(COUNT)]))
    assert record["fsc_auc"] < record["fsc_auc_bound"] < record["fsc_auc_perfect"] == 7 / 16
    assert record["accuracy"] == 1 and record["adjusted_rand_index"] == 1
    assert {"viou", "chamfer_angstrom", "levels", "pairing", "output", "seconds"} <= set(record)
    for words_shown in ("0.975", "Otsu", "0.4375", "equal file name"):
        assert words_shown in printed.err
    written = {path.name for path in (data / "out").iterdir()}
    assert {"per_structure.csv", "summary.json", "meta.json", "fsc_curves.csv", "fsc_curves.png", "confusion.png"} <= written
    assert not list(data.glob("out.*")), "nothing half-written may stay"


def test_default_output_lies_beside_the_maps(data: Path) -> None:
    assert main(["evaluate", str(data / "maps"), "--truth", str(data / "truth")]) == 0
    assert (data / "maps_evaluation" / "meta.json").is_file()


def test_levels_and_mask_and_pairs(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "pairs.csv").write_text("map,truth,name\ns1.mrc,s1.mrc,first\ns2.mrc,s2.mrc,\n")
    write_volume(data / "mask.mrc", np.ones((BOX_PX,) * 3), PIXEL_ANGSTROM)
    assert _evaluate(data, "--json", "--level", "0.5", "--mask", str(data / "mask.mrc"), "--pairs", str(data / "pairs.csv")) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["structures"] == 2 and "0.5" in record["levels"] and "pairs.csv" in record["pairing"]
    assert "first" in (data / "out" / "per_structure.csv").read_text()


def test_an_evaluation_of_other_maps_is_not_replaced_unasked(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _evaluate(data) == 0
    assert _evaluate(data) == 0, "the same maps again"
    other = ["evaluate", str(data / "better"), "--truth", str(data / "truth"), "-o", str(data / "out")]
    assert main(other) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert json.loads((data / "out" / "meta.json").read_text())["source"] == str(data / "maps")
    assert main([*other, "--overwrite"]) == 0
    assert json.loads((data / "out" / "meta.json").read_text())["source"] == str(data / "better")


def test_a_folder_that_is_no_evaluation_is_never_replaced(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "out").mkdir()
    (data / "out" / "thesis.txt").write_text("mine")
    assert _evaluate(data, "--overwrite") == 2
    assert "holds no evaluation" in capsys.readouterr().err
    assert (data / "out" / "thesis.txt").read_text() == "mine"


def _break_box(data: Path) -> None:
    write_volume(data / "maps" / "s2.mrc", np.ones((20, 20, 20)), PIXEL_ANGSTROM)


def _break_values(data: Path) -> None:
    path = data / "maps" / "s2.mrc"
    path.write_bytes(path.read_bytes()[:-4] + np.float32("nan").tobytes())


def _break_count(data: Path) -> None:
    (data / "truth" / "s2.mrc").unlink()


def _break_pixel(data: Path) -> None:
    write_volume(data / "maps" / "s2.mrc", _noisy(2), 3.3)


def _break_file(data: Path) -> None:
    (data / "maps" / "s2.mrc").write_bytes((data / "maps" / "s2.mrc").read_bytes()[:3000])


def _break_maps(data: Path) -> None:
    for path in (data / "maps").iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (_break_box, r"s2.mrc has a box of 20 and its truth .*s2.mrc one of 16"),
        (_break_values, r"s2.mrc holds 1 values that are not finite"),
        (_break_count, r"4 maps .* 3 truths .*s2.*--pairs"),
        (_break_pixel, r"3.3 Å and its truth .*3 Å.*--pixel-size"),
        (_break_file, r"s2.mrc is truncated"),
        (_break_maps, r"holds no map"),
    ],
)
def test_bad_maps_get_one_sentence_and_nothing_is_written(
    data: Path, capsys: pytest.CaptureFixture[str], break_it: Callable[[Path], None], message: str
) -> None:
    break_it(data)
    before = sorted(data.iterdir())
    assert _evaluate(data, "--json") == 2
    printed = capsys.readouterr()
    assert re.search(message, printed.err), printed.err
    assert printed.out == "" and "Traceback" not in printed.err
    assert sorted(data.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--level", "loud"], "not understood"),
        (["--dataset", "sim2struct-7"], "sim2struct-100"),
        (["--labels", "nothing.txt"], "--labels and --clusters belong together"),
        (["--labels", "nothing.txt", "--clusters", "nothing.txt"], "nothing.txt cannot be read"),
        (["--mask", "nothing.mrc"], "nothing.mrc does not exist"),
        (["--pairs", "nothing.csv"], "nothing.csv cannot be read"),
        (["--pixel-size", "-1"], "must be positive"),
        (["--back-projection", "nowhere"], "nowhere is not a folder"),
    ],
)
def test_bad_options_get_one_sentence(data: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert _evaluate(data, *words) == 2
    assert message in capsys.readouterr().err
    assert not (data / "out").exists()


def test_labels_that_are_no_integers_are_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(data / "labels.npy", np.array([0.5, 1.0]))
    assert _evaluate(data, "--labels", str(data / "labels.npy"), "--clusters", str(data / "labels.npy")) == 2
    assert "one integer a particle" in capsys.readouterr().err


@pytest.fixture
def run_folder(data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with latents, and in place of its network a stand-in that writes noisy truths."""
    run = Run(data / "run")
    run.path.mkdir()
    run.manifest.write_text(Manifest(seed=0).model_dump_json())
    labels = np.repeat(np.arange(COUNT), 5)
    latents = LatentWriter(run, "step-1", len(labels), 2)
    latents.write(np.arange(len(labels)), np.stack([labels, -labels], axis=1), np.zeros(len(labels)))
    latents.finish(pd.DataFrame({"cluster": labels[::-1].copy(), "label": labels}), {"components": np.eye(2)}, {})
    structures = [{"label": label, "name": f"complex {label}", "map": f"truth/s{label}.mrc"} for label in range(COUNT)]
    (data / "truth.json").write_text(json.dumps({"structures": structures}))

    def write_structure_maps(
        run_dir: Path, out_dir: Path, images_per_structure: int, checkpoint: str, average: int, report: Callable[[int, int], None]
    ) -> list[tuple[int, Path]]:
        assert run_dir == run.path and (checkpoint, average) == ("last", 1)
        made = []
        for label in reversed(range(COUNT)):
            for image in range(images_per_structure):
                path = out_dir / f"{label}_{image}.mrc"
                write_volume(path, _noisy(label), PIXEL_ANGSTROM)
                made.append((label, path))
                report(len(made), COUNT * images_per_structure)
        return made

    stand_in = ModuleType("cryohype_model.inference.evaluate_run")
    stand_in.write_structure_maps = write_structure_maps  # type: ignore[attr-defined]  # a module made on the spot
    monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
    return run.path


def test_a_run(data: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run_folder), "--truth", str(data / "truth"), "--json", "--images-per-structure", "2"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["structures"] == 2 * COUNT
    assert record["fsc_auc"] == pytest.approx(np.mean([fsc_auc(_noisy(s), _truth(s)) for s in range(COUNT)]))
    assert record["accuracy"] == 1 and record["knn_accuracy"] == 1
    output = run_folder / "evaluation" / "last"
    assert record["output"] == str(output)
    assert "complex 3 #2" in (output / "per_structure.csv").read_text()
    assert not (output / "volumes").exists()
    assert main(["evaluate", str(run_folder), "--truth", str(data), "--keep-volumes"]) == 0, "the data set itself names its truth"
    assert len(list((output / "volumes").glob("*.mrc"))) == COUNT


def test_a_run_that_was_not_analysed_is_evaluated_without_classes(
    data: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in sorted((run_folder / "latents").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert main(["evaluate", str(run_folder), "--truth", str(data / "truth"), "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["accuracy"] is None
    assert "No classification" in printed.err and "cryohype analyze" in printed.err


def test_pairs_of_a_run_are_refused(data: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run_folder), "--truth", str(data / "truth"), "--pairs", "x.csv"]) == 2
    assert "paired by label" in capsys.readouterr().err
