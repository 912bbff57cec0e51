"""Latents appear when they are complete, and only then."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from cryohype_model.errors import RunError
from cryohype_model.runs import latents
from cryohype_model.runs.latents import LatentSpace, LatentWriter, read_latents
from cryohype_model.runs.layout import Run

COUNT, Q = 6, 3


def _components(offset: float = 0.0) -> npt.NDArray[np.float32]:
    return np.arange(COUNT * Q, dtype=np.float32).reshape(COUNT, Q) + np.float32(offset)


def _write(run: Run, checkpoint: str, offset: float = 0.0, **columns: object) -> LatentSpace:
    writer = LatentWriter(run, checkpoint, COUNT, Q)
    components = _components(offset)
    for rows in (np.array([4, 1, 0]), np.array([5, 2, 3])):
        writer.write(rows, components[rows], rows * 0.5)
    table = pd.DataFrame({"cluster": [0, 0, 1, 1, -1, 2]} | columns)
    return writer.finish(table, {"axes": np.eye(Q), "mean": np.zeros(4)}, {"note": "test"})


def test_round_trip(run: Run) -> None:
    _write(run, "step-00000010")
    space = read_latents(run)
    assert isinstance(space.pca, np.memmap)
    np.testing.assert_array_equal(space.pca, _components())
    assert space.table["index"].tolist() == list(range(COUNT))
    assert space.table["loss"].tolist() == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    assert space.cluster is not None
    assert space.cluster.tolist() == [0, 0, 1, 1, -1, 2]
    assert space.label is None
    np.testing.assert_array_equal(space.basis["axes"], np.eye(Q))
    assert (len(space), space.meta["q"], space.meta["note"], space.checkpoint) == (COUNT, Q, "test", "step-00000010")


def test_single_columns_are_those_of_the_table(run: Run) -> None:
    names = pd.Series(["a", "b", "c", "d", "e", None])
    _write(run, "last", score=np.array([0.5, np.nan, 1, 2, 3, 4], np.float32), flag=[True] * 6, name=names)
    space = read_latents(run)
    assert list(space.columns) == list(space.table)
    kinds = {name: kind.kind for name, kind in space.columns.items()}
    assert kinds == {"cluster": "i", "score": "f", "flag": "b", "name": "O", "index": "i", "loss": "f"}
    for name in ("cluster", "score", "flag", "index", "loss"):
        column = space.column(name)
        np.testing.assert_array_equal(column, space.table[name].to_numpy())
        assert column.dtype == space.table[name].dtype == space.columns[name]


@pytest.mark.parametrize("what", ["columns", "column"])
def test_columns_of_a_damaged_table(run: Run, what: str) -> None:
    space = _write(run, "last")
    path = space.path / "table.parquet"
    content = bytearray(path.read_bytes())
    if what == "columns":
        path.write_bytes(content[:100])
    else:  # the first bytes of values: names and types can still be read
        content[4:60] = bytes(56)
        path.write_bytes(content)
        assert "cluster" in space.columns
    with pytest.raises(RunError, match=r"table.parquet is .*damaged.*analyze"):
        _ = space.columns if what == "columns" else space.column("cluster")


def test_the_components_have_their_place_on_the_disk_before_they_are_mapped(run: Run) -> None:
    """A full disk under a map kills the process; under a write it is an error with a sentence."""
    LatentWriter(run, "new", 100_000, Q)
    (file,) = run.latents.glob("*.partial/pca.npy")
    assert file.stat().st_blocks * 512 >= 100_000 * Q * 4


def test_a_full_disk_at_the_start_leaves_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    occupy = latents._occupy
    monkeypatch.setattr(latents, "_occupy", lambda _path, start, count: occupy(Path("/dev/full"), start, count))
    with pytest.raises(OSError, match="No space left"):
        LatentWriter(run, "new", COUNT, Q)
    assert list(run.latents.iterdir()) == []


@pytest.mark.parametrize("name", ["pca.npy", "table.parquet", "pca_basis.npz", "meta.json"])
@pytest.mark.parametrize("keep", [0, 0.5, 0.9])
def test_a_damaged_file_is_named(run: Run, name: str, keep: float) -> None:
    path = _write(run, "last").path / name
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    space = LatentSpace(path.parent)
    with pytest.raises(RunError, match=rf"{name} is .*damaged.*analyze"):
        _ = {"pca.npy": lambda: space.pca, "table.parquet": lambda: space.table,
             "pca_basis.npz": lambda: space.basis, "meta.json": lambda: space.meta}[name]()  # fmt: skip


def test_a_later_analysis_replaces_the_older(run: Run) -> None:
    _write(run, "last")
    _write(run, "last", offset=100.0)
    np.testing.assert_array_equal(read_latents(run, "last").pca, _components(100.0))
    assert [path.name for path in run.latents.iterdir()] == ["last"]


def test_the_newest_is_read_unless_one_is_named(run: Run) -> None:
    for offset, name in ((1.0, "b"), (2.0, "a")):
        space = _write(run, name, offset)
        meta = json.loads((space.path / "meta.json").read_text()) | {"created": f"2026-01-0{int(offset)}T00:00:00+00:00"}
        (space.path / "meta.json").write_text(json.dumps(meta))
    assert read_latents(run).checkpoint == "a"
    assert read_latents(run, "b").checkpoint == "b"


def test_half_written_latents_do_not_count(run: Run) -> None:
    LatentWriter(run, "last", COUNT, Q).write([0], np.zeros((1, Q)), [0.0])
    with pytest.raises(RunError, match="holds no latents"):
        read_latents(run)
    _write(run, "last")
    assert len(read_latents(run)) == COUNT


def test_a_kill_while_replacing_keeps_the_older_latents(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(run, "last")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            _write(run, "last", offset=5.0)
    np.testing.assert_array_equal(read_latents(run).pca, _components())


def test_missing_particles_are_refused(run: Run) -> None:
    writer = LatentWriter(run, "last", COUNT, Q)
    writer.write([0, 1], np.zeros((2, Q)), np.zeros(2))
    with pytest.raises(RunError, match="4 of 6 particles"):
        writer.finish(pd.DataFrame({"cluster": [0] * COUNT}), {}, {})


def test_a_table_of_another_length_is_refused(run: Run) -> None:
    writer = LatentWriter(run, "last", COUNT, Q)
    writer.write(np.arange(COUNT), _components(), np.zeros(COUNT))
    with pytest.raises(RunError, match="5 rows"):
        writer.finish(pd.DataFrame({"cluster": [0] * 5}), {}, {})


def test_another_version_is_refused(run: Run) -> None:
    space = _write(run, "last")
    (space.path / "meta.json").write_text(json.dumps({"format_version": 99, "created": "x"}))
    with pytest.raises(RunError, match="version 99"):
        read_latents(run)


def test_a_damaged_meta_gets_a_sentence(run: Run) -> None:
    space = _write(run, "last")
    (space.path / "meta.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        read_latents(run)


def test_the_name_of_a_checkpoint_is_no_path(run: Run) -> None:
    with pytest.raises(RunError, match="cannot name"):
        LatentWriter(run, "../escape", COUNT, Q)
