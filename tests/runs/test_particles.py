"""A run's particles are the same whether they are read from particles.star or mapped from the columns beside it."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryohype_model.cli import main
from cryohype_model.config import RunConfig, dump_config
from cryohype_model.errors import InputFileError
from cryohype_model.imaging.particles import Particles
from cryohype_model.io.particles import read_particles
from cryohype_model.io.table import CtfTable, ParticleTable
from cryohype_model.io.write import write_star
from cryohype_model.runs import particles
from cryohype_model.runs.layout import Run
from cryohype_model.runs.particles import read_run_particles


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(particles, "FEWEST", 1)


@pytest.fixture
def run(mixture: Path, tmp_path: Path) -> Run:
    """A folder with particles.star, which is all that is read."""
    run = Run(tmp_path / "run")
    run.path.mkdir()
    write_star(read_particles(mixture), run.particles_star)
    return run


@pytest.fixture
def files_read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read, one entry each time."""
    read: list[Path] = []

    def reading(path: Path, **options: bool) -> ParticleTable:
        read.append(path)
        return read_particles(path, **options)

    monkeypatch.setattr(particles, "read_particles", reading)
    return read


def _check_same(found: Any, expected: Any) -> None:
    """Field by field, arrays to the last bit."""
    for field in dataclasses.fields(expected):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(other, np.ndarray):
            assert one.dtype == other.dtype and np.array_equal(one, other), field.name
        elif dataclasses.is_dataclass(other):
            _check_same(one, other)
        else:
            assert one == other, field.name


def test_the_second_time_columns_are_mapped(run: Run, files_read: list[Path]) -> None:
    expected = read_particles(run.particles_star)
    _check_same(read_run_particles(run), expected)
    assert files_read == [run.particles_star] and run.particle_columns.is_file()
    for need_images in (True, False):
        table = read_run_particles(run, need_images)
        _check_same(table, expected)
    assert files_read == [run.particles_star]
    assert table.rotation is not None and not table.rotation.flags.writeable and not table.rotation.flags.owndata
    _check_same(table[[3, 1]], expected[[3, 1]])
    images = Particles(table).batch([5, 2]).images
    assert (images == Particles(expected).batch([5, 2]).images).all()


@pytest.mark.parametrize("without", [("ctf",), ("rotation", "label"), ("ctf", "rotation", "label")], ids="-".join)
def test_what_is_not_known_is_not_known_again(run: Run, files_read: list[Path], without: tuple[str, ...]) -> None:
    changes: dict[str, Any] = dict.fromkeys(without) | {"notes": ("an odd thing",)}
    known = dataclasses.replace(read_particles(run.particles_star), **changes)
    particles._keep(run, known, particles._state(run.particles_star))
    found = read_run_particles(run)
    _check_same(found, known)
    assert all(getattr(found, name) is None for name in without) and files_read == []
    assert ("ctf" in without) or isinstance(found.ctf, CtfTable)


def test_columns_of_another_star_file_are_made_anew(run: Run, files_read: list[Path]) -> None:
    whole = read_run_particles(run)
    write_star(whole[np.arange(10)], run.particles_star)
    for _ in range(2):
        assert len(read_run_particles(run)) == 10
    assert files_read == [run.particles_star] * 2


def test_a_copied_run_keeps_its_columns(run: Run, files_read: list[Path], tmp_path: Path) -> None:
    read_run_particles(run)
    copy = Run(tmp_path / "copy")
    shutil.copytree(run.path, copy.path)
    read_run_particles(copy)
    assert len(files_read) == 1
    os.utime(copy.particles_star, ns=(1, 1))  # what a program does that copies contents alone
    read_run_particles(copy)
    assert files_read == [run.particles_star, copy.particles_star]


@pytest.mark.parametrize("content", [b"", b"ARROW1\0\0" + bytes(100), b"half"])
def test_damaged_columns_are_made_anew(run: Run, files_read: list[Path], content: bytes) -> None:
    expected = read_run_particles(run)
    whole = run.particle_columns.read_bytes()
    run.particle_columns.unlink()
    run.particle_columns.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    _check_same(read_run_particles(run), expected)
    assert len(files_read) == 2
    read_run_particles(run)
    assert len(files_read) == 2


def test_columns_of_another_version_are_made_anew(run: Run, files_read: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    read_run_particles(run)
    monkeypatch.setattr(particles, "COLUMNS_VERSION", particles.COLUMNS_VERSION + 1)
    read_run_particles(run)
    assert len(files_read) == 2


def test_missing_images_are_told_as_without_columns(run: Run, tmp_path: Path) -> None:
    star = Run(tmp_path / "moved")
    star.path.mkdir()
    table = read_particles(run.particles_star)
    stack = star.path / "images.mrcs"
    shutil.copy(table.stacks[0], stack)
    write_star(dataclasses.replace(table, stacks=(stack,)), star.particles_star)
    read_run_particles(star)
    stack.unlink()
    with pytest.raises(InputFileError) as expected:
        read_particles(star.particles_star)
    with pytest.raises(InputFileError) as found:
        read_run_particles(star)
    assert str(found.value) == str(expected.value) and "images.mrcs" in str(found.value)
    assert len(read_run_particles(star, need_images=False)) == len(table)


def test_a_missing_star_file_is_told(run: Run) -> None:
    read_run_particles(run)
    run.particles_star.unlink()
    with pytest.raises(InputFileError, match=r"particles.star does not exist"):
        read_run_particles(run)


def test_a_full_disk_is_no_reason_to_fail(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def full(_path: Path) -> Iterator[Path]:
        yield Path("/dev/full")

    monkeypatch.setattr(particles, "written_whole", full)
    assert len(read_run_particles(run)) == 60
    assert sorted(path.name for path in run.path.iterdir()) == ["particles.star"]


def test_few_particles_have_no_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(particles, "FEWEST", 61)
    read_run_particles(run)
    assert not run.particle_columns.exists()


def test_training_resuming_and_analysing_work_on_columns(
    mixture: Path, tiny_config: Callable[..., RunConfig], tmp_path: Path, files_read: list[Path]
) -> None:
    run = Run(tmp_path / "trained")
    (tmp_path / "tiny.toml").write_text(dump_config(tiny_config(mixture)))
    assert main(["train", str(mixture), "-c", str(tmp_path / "tiny.toml"), "-o", str(run.path)]) == 0
    assert files_read == [run.particles_star]
    assert main(["train", "--resume", str(run.path), "--epochs", "3"]) == 0
    words = ["--clusters", "2", "--no-umap", "--accelerator", "cpu", "--no-quality"]
    assert main(["analyze", str(run.path), *words]) == 0
    assert main(["volumes", str(run.path), "--particles", "3", "--accelerator", "cpu"]) == 0
    assert main(["backproject", str(run.path), "-o", str(tmp_path / "back"), "--accelerator", "cpu"]) == 0
    assert files_read == [run.particles_star]
    assert main(["runs", "check", str(run.path)]) == 0


def test_the_table_of_a_run_loads_no_pandas(run: Run) -> None:
    """Its import would take longer than what is saved."""
    code = f"""
import sys
from pathlib import Path
from cryohype_model.runs import particles
from cryohype_model.runs.layout import Run
particles.FEWEST = 1
for _ in range(2):
    assert len(particles.read_run_particles(Run(Path({str(run.path)!r})))) == 60
print("pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False" and run.particle_columns.is_file()


def test_a_write_that_fails_leaves_the_old_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read_run_particles(run)
    before = run.particle_columns.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("cryohype_model.io.atomic.os.replace", full)
    os.utime(run.particles_star, ns=(1, 1))
    assert len(read_run_particles(run)) == 60
    assert run.particle_columns.read_bytes() == before
    assert sorted(path.name for path in run.path.iterdir()) == ["particles.arrow", "particles.star"]
