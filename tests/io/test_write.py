from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import starfile
from hypothesis import given, settings
from hypothesis import strategies as st

from cryohype_model.io.particles import read_particles
from cryohype_model.io.rotation import random_rotations
from cryohype_model.io.table import CtfTable, ParticleTable, Source
from cryohype_model.io.write import write_star


@st.composite
def tables(draw: st.DrawFn) -> ParticleTable:
    """Any table: with or without poses, CTF, labels; several stacks and groups; names with blanks."""
    count = draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    groups = rng.integers(1, draw(st.integers(1, 3)) + 1, count)
    stacks = tuple(Path(name).absolute() for name in draw(st.sampled_from([["a.mrcs"], ["/x/a b.mrcs", "/x/c.mrcs"]])))
    by_group = {name: rng.uniform(0.01, 300, 4).astype(np.float32)[groups] for name in ("pixel", "voltage", "cs", "amplitude")}

    def values(scale: float) -> np.ndarray:
        return (rng.standard_normal(count) * scale).astype(np.float32)

    ctf = CtfTable(
        *(np.abs(values(2e4)), np.abs(values(2e4)), values(90)),
        *(by_group[name] for name in ("voltage", "cs", "amplitude")),
        *(values(90), np.abs(values(100)), values(1)),
    )
    source = Source(
        Path("/data/my project/run_data.star"), draw(st.sampled_from(["star", "cs", "stack"])), rng.integers(0, 99, count)
    )
    stack_index = np.sort(rng.integers(0, len(stacks), count))
    stack_index -= stack_index[0]
    return ParticleTable(
        stacks=stacks[: stack_index[-1] + 1],
        stack_index=stack_index,
        frame=rng.integers(0, 10**6, count),
        box_px=draw(st.sampled_from([32, 65, 300])),
        pixel_size_angstrom=by_group["pixel"],
        rotation=random_rotations(count, rng).astype(np.float32) if draw(st.booleans()) else None,
        shift_px=np.stack([values(5), values(5)], axis=1),
        ctf=ctf if draw(st.booleans()) else None,
        optics_group=groups,
        label=rng.integers(0, 9, count) if draw(st.booleans()) else None,
        source=source,
        contrast_known=draw(st.sampled_from([-1, 0, 1])),
    )


def assert_same(found: ParticleTable, expected: ParticleTable) -> None:
    for name in ("stacks", "box_px", "contrast_known"):
        assert getattr(found, name) == getattr(expected, name)
    for name in ("stack_index", "frame", "pixel_size_angstrom", "optics_group", "label"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    np.testing.assert_allclose(found.shift_px, expected.shift_px, rtol=3e-7)
    assert (found.rotation is None) == (expected.rotation is None)
    if expected.rotation is not None:
        np.testing.assert_allclose(found.rotation, expected.rotation, atol=3e-7)
    assert (found.ctf is None) == (expected.ctf is None)
    if expected.ctf is not None and found.ctf is not None:
        np.testing.assert_array_equal(found.ctf.as_array(), expected.ctf.as_array())
    for field in fields(Source):
        np.testing.assert_array_equal(getattr(found.source, field.name), getattr(expected.source, field.name))


@settings(max_examples=60)
@given(tables())
def test_written_table_reads_back_the_same(table: ParticleTable) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "particles.star"
        write_star(table, path)
        assert_same(read_particles(path, need_images=False), table)
        assert [file.name for file in Path(folder).iterdir()] == ["particles.star"]


def test_one_particle_without_view_keeps_its_pose(tmp_path: Path, write_stack, write_table) -> None:
    write_stack(tmp_path / "a.mrcs")
    table = read_particles(write_table(tmp_path / "a.star", ["1@a.mrcs"], row="0 0 0 0 0 2.5"))
    np.testing.assert_array_equal(table.rotation, np.eye(3)[None])


def test_table_lies_beside_its_stack_and_may_be_moved(tmp_path: Path, write_stack, write_table) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    write_stack(first / "a.mrcs")
    write_table(first / "a.star", ["1@a.mrcs", "3@a.mrcs"])
    write_star(read_particles(first / "a.star"), first / "b.star")
    write_star(read_particles(first / "b.star"), first / "a.star")
    first.rename(second)
    assert read_particles(second / "a.star").stacks == (second / "a.mrcs",)
    assert "1 " not in (second / "a.star").read_text().splitlines()[0]


def test_starfile_reads_it_and_relion_would(tmp_path: Path, shared_data: Path) -> None:
    table = read_particles(shared_data / "particles/real_aspire_17/sample_particles_relion31.star")
    write_star(table, tmp_path / "a.star")
    blocks = starfile.read(tmp_path / "a.star")
    assert blocks["optics"]["rlnVoltage"].tolist() == [300, 200]
    assert blocks["optics"]["rlnImageSize"].tolist() == [200, 200]
    assert blocks["optics"]["rlnImagePixelSize"].tolist() == [1.4, 1.4]
    assert blocks["particles"]["rlnImageName"][16] == f"000017@{table.stacks[0]}"
    original = starfile.read(table.source.path)["particles"]
    for name in ("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnAngleTilt", "rlnOpticsGroup"):
        np.testing.assert_allclose(blocks["particles"][name], original[name], rtol=1e-6)


def test_group_that_mixes_voltages_is_split_for_relion(tmp_path: Path, shared_data: Path) -> None:
    table = read_particles(shared_data / "particles/real_aspire_17/sample_particles_relion30.star")
    assert table.ctf is not None
    merged = ParticleTable(
        **{f.name: getattr(table, f.name) for f in fields(table)} | {"optics_group": np.ones(17, dtype=np.int64)}
    )
    write_star(merged, tmp_path / "a.star")
    found = read_particles(tmp_path / "a.star")
    assert found.ctf is not None
    np.testing.assert_array_equal(found.ctf.voltage_kv, table.ctf.voltage_kv)
    assert len(starfile.read(tmp_path / "a.star")["optics"]) == 2


def test_failed_write_leaves_the_old_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_data: Path) -> None:
    table = read_particles(shared_data / "particles/real_aspire_17/sample_particles_relion31.star")
    path = tmp_path / "a.star"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cryohype_model.io.write._particle_columns", full)
    with pytest.raises(OSError, match="No space left"):
        write_star(table, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
