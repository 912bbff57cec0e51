"""The shipped demo: small, no pickles, whole wherever it is unpacked, mended where damaged, never in somebody's way."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cryohype_app import demo as shipped
from cryohype_app.cli import main as app_main
from cryohype_app.demo import MARK, Demo, find_demo, unpack_demo, user_folder
from cryohype_app.frame import LatentFrame
from cryohype_model.cli import main
from cryohype_model.errors import InputFileError, RunError
from cryohype_model.io.images import ImageStacks
from cryohype_model.io.particles import read_particles
from cryohype_model.metrics.pairs import labelled_truths
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.run import read_config
from cryohype_model.runs.selections import read_selection, write_selection
from cryohype_model.runs.shipped import archive_path
from cryohype_model.runs.store import check_run
from cryohype_model.runs.volumes import list_volume_series


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Not to be changed."""
    return unpack_demo(tmp_path_factory.mktemp("demo") / "a store")


@pytest.fixture
def demo(unpacked: Demo, tmp_path: Path) -> Demo:
    """One to be changed."""
    return unpack_demo(tmp_path / "store")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another archive in the place of the shipped one, to be written by the test."""
    path = tmp_path / "demo-run.zip"
    monkeypatch.setattr(shipped, "archive_path", lambda: path)
    return path


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_assets_are_small_and_hold_no_pickle_but_the_networks() -> None:
    assert sum(path.stat().st_size for path in archive_path().parent.iterdir()) < 3_000_000
    with zipfile.ZipFile(archive_path()) as opened:
        assert opened.testzip() is None
        for name in opened.namelist():
            content = opened.read(name)
            if content.startswith(b"PK") and not name.endswith(".ckpt"):
                arrays = np.load(io.BytesIO(content), allow_pickle=False)
                assert all(arrays[key].dtype.kind in "fiu" for key in arrays.files), name
            assert not name.endswith((".pkl", ".pickle")) and content[:1] != b"\x80", name


def test_what_is_unpacked_is_whole_and_tells_where_it_comes_from(unpacked: Demo) -> None:
    run = unpacked.run
    assert check_run(run) == []
    manifest, config = read_manifest(run), read_config(run)
    assert {"ships:", "simulated,", "rounded", "commit"} <= set(manifest.note.split())
    assert manifest.command[:2] == ("cryohype", "train")
    assert manifest.source == config.data.particles == str(unpacked.particles)
    assert b"/tmp" not in b"".join(
        (run.path / "evaluation" / "last" / name).read_bytes() for name in ("meta.json", "summary.json")
    )
    table = read_particles(run.particles_star)
    assert table.source.path == unpacked.particles and table.notes == ()
    assert len(table) == manifest.particles == len(read_latents(run))
    assert len(list_volume_series(run)) == 1
    assert len(labelled_truths(unpacked.particles.parent)) == 6
    images = ImageStacks(table).read(np.arange(50))
    assert np.array_equal(images, np.round(images)) and 1 < images.std() < 1.5
    assert {"cluster", "label"} <= set(LatentFrame(read_latents(run)).colours)
    assert len(read_particles(unpacked.particles)) == len(table)


def test_its_network_loads_as_any_other_and_is_not_resumed(
    unpacked: Demo, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = unpacked.run.path
    assert main(["volumes", str(run), "--cluster", "0", "-o", str(tmp_path / "maps"), "--accelerator", "cpu"]) == 0
    assert main(["export", str(run), "--cluster", "0", "-o", str(tmp_path / "some.star")]) == 0
    assert 0 < len(read_particles(tmp_path / "some.star", need_images=False)) < len(read_latents(unpacked.run))
    capsys.readouterr()
    assert main(["train", "--resume", str(run), "--epochs", "99"]) == 2
    assert "shipped without the optimiser's state" in capsys.readouterr().err


def test_it_lies_in_a_folder_of_the_user_unless_a_store_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert user_folder().parent == tmp_path / "cryohype"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert user_folder().parent == tmp_path / "home" / ".local" / "share" / "cryohype"


def test_a_second_time_changes_nothing_and_what_the_user_made_stays(demo: Demo) -> None:
    write_selection(demo.run, "mine", np.arange(5), {})
    space = read_latents(demo.run).path
    (space / "meta.json").write_text((space / "meta.json").read_text().replace("kmeans", "gmm"))
    (space / "table.parquet").unlink()  # of an analysis of the user's: not ours to mend
    with demo.run.log.open("a") as log:
        log.write("something was done\n")
    (demo.store / "other").mkdir()
    before = _contents(demo.store)
    assert unpack_demo(demo.store).run_id() == demo.run_id()
    assert _contents(demo.store) == before
    assert read_selection(demo.run, "mine").tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "harm",
    ["demo/checkpoints/last.ckpt", "demo/manifest.json", "demo/config.toml", "demo/latents", "demo/particles.star",
     "demo-particles/particles.mrcs", "demo-particles", "demo"],
)  # fmt: skip
def test_what_is_missing_or_cut_off_is_made_good(demo: Demo, harm: str) -> None:
    before = _contents(demo.store)
    path = demo.store / harm
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.write_bytes(path.read_bytes()[:100])
    unpack_demo(demo.store)
    assert _contents(demo.store) == before


def test_a_process_that_was_killed_while_it_unpacked_leaves_nothing(tmp_path: Path, demo: Demo) -> None:
    half = tmp_path / "half"
    (half / ".demo.partial" / "checkpoints").mkdir(parents=True)
    (half / ".demo-particles.partial").mkdir()
    unpack_demo(half)
    assert sorted(path.name for path in half.iterdir()) == ["demo", "demo-particles"]


def test_a_store_that_was_moved_is_put_right(demo: Demo, tmp_path: Path) -> None:
    demo.store.rename(tmp_path / "elsewhere")
    moved = unpack_demo(tmp_path / "elsewhere")
    assert read_manifest(moved.run).source == read_config(moved.run).data.particles == str(moved.particles)
    assert read_particles(moved.run.particles_star).stacks == (moved.particles.with_suffix(".mrcs"),)


def test_what_is_not_the_demo_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.doc").touch()
    assert app_main(["serve", str(tmp_path), "--demo"]) == 2
    assert "exists and is not the demo; give another folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["demo", "thesis.doc"]


def test_nothing_is_put_into_a_run(demo: Demo) -> None:
    with pytest.raises(InputFileError, match="demo is a run; give the folder that holds it"):
        unpack_demo(demo.run.path)


def test_the_demo_of_another_release_is_told(demo: Demo) -> None:
    assert find_demo(demo.store) == demo
    (demo.run.path / MARK).write_text("0123abcd")
    assert find_demo(demo.store) is None
    with pytest.raises(InputFileError, match=r"of another release; delete .*demo and .*demo-particles"):
        unpack_demo(demo.store)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputFileError, match=r"cannot be unpacked into .* name a folder that can be written to"):
        unpack_demo(tmp_path / "file" / "store")


@pytest.mark.parametrize("name", ["../demo/x", "/etc/x", "demo/../../x", "elsewhere/x", "demo", "demo\\..\\x"])
def test_an_archive_that_leads_elsewhere_is_refused(archive: Path, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("demo/manifest.json", "{}")
        opened.writestr("demo-particles/particles.star", "")
        opened.writestr(name, "boo")
    with pytest.raises(RunError, match="damaged"):
        unpack_demo(tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("content", [None, b"", b"PK nothing"])
def test_an_archive_that_is_none_is_told(archive: Path, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        archive.write_bytes(content)
    with pytest.raises(RunError, match=r"is missing or damaged .*install CryoHype again"):
        unpack_demo(tmp_path / "store")
