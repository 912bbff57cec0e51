"""Rows that another process wrote are taken in whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryohype_model.errors import RunError
from cryohype_model.runs import latents
from cryohype_model.runs.latents import LatentShard, LatentWriter
from cryohype_model.runs.layout import Run

COUNT, Q = 7, 3
OTHERS = range(4, 7)
PCA = np.random.default_rng(0).standard_normal((COUNT, Q)).astype(np.float32)
LOSS = np.arange(COUNT, dtype=np.float32)


def _first(run: Run) -> LatentWriter:
    writer = LatentWriter(run, "new", COUNT, Q)
    writer.write(np.arange(4), PCA[:4], LOSS[:4])
    return writer


def _write(shard: LatentShard, rows: range) -> None:
    shard.write(np.array(rows), PCA[rows.start : rows.stop], LOSS[rows.start : rows.stop])


def test_two_processes_write_what_one_would(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latents, "SHARD_ROWS", 2)
    writer, shard = _first(run), LatentShard(run, "new", OTHERS, Q)
    _write(shard, range(4, 6))
    _write(shard, range(6, 7))
    shard.close()
    writer.take_in(OTHERS)
    space = writer.finish(pd.DataFrame({"cluster": np.zeros(COUNT, np.int64)}), {}, {})
    np.testing.assert_array_equal(space.pca, PCA)
    np.testing.assert_array_equal(space.table["loss"], LOSS)
    assert {path.name for path in space.path.iterdir()} == {"pca.npy", "pca_basis.npz", "table.parquet", "meta.json"}


def test_a_process_without_particles(run: Run) -> None:
    writer, shard = _first(run), LatentShard(run, "new", range(7, 7), Q)
    shard.close()
    writer.take_in(range(7, 7))
    writer.abandon()
    assert list(run.latents.iterdir()) == []


def test_a_share_that_ends_early_is_refused(run: Run) -> None:
    writer, shard = _first(run), LatentShard(run, "new", OTHERS, Q)
    _write(shard, range(4, 6))
    shard.close()
    with pytest.raises(RunError, match=r"rows-4-7\.f32 of another process ends early"):
        writer.take_in(OTHERS)


def test_machines_that_do_not_see_one_folder(run: Run) -> None:
    with pytest.raises(RunError, match="one shared folder"):
        LatentShard(run, "new", OTHERS, Q)
    with pytest.raises(RunError, match="one shared folder"):
        _first(run).take_in(OTHERS)


def test_a_full_disk_leaves_no_share(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _first(run)
    shard = LatentShard(run, "new", OTHERS, Q)
    shard._file.close()
    with Path("/dev/full").open("wb") as shard._file:
        _write(shard, OTHERS)
        with pytest.raises(OSError, match="No space left"):
            shard.close()
        shard.abandon()
    assert [path.name for path in run.latents.glob("new.partial/*")] == ["pca.npy"]
