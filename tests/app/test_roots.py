"""The browser sees what is under the roots, and nothing by a detour."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryohype_app.roots import Roots
from cryohype_model.errors import InputFileError


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    inside = tmp_path / "inside"
    (inside / "folder").mkdir(parents=True)
    for name in ("b.star", "A.cs", "notes.doc", ".hidden.star"):
        (inside / name).write_text("x")
    (tmp_path / "secret.star").write_text("x")
    (inside / "link.star").symlink_to(tmp_path / "secret.star")
    (inside / "up").symlink_to(tmp_path)
    return Roots.of([inside])


def test_folders_first_then_particle_files_nothing_hidden_nothing_that_leads_outside(roots: Roots) -> None:
    entries = roots.entries(roots.folders[0])
    assert [entry.name for entry in entries] == ["folder", "A.cs", "b.star"]
    assert entries[2].bytes == 1


@pytest.mark.parametrize("detour", ["../secret.star", "folder/../../secret.star", "link.star", "up/secret.star", "/etc/passwd"])
def test_a_detour_leads_nowhere(roots: Roots, detour: str) -> None:
    with pytest.raises(InputFileError, match="outside of the folders"):
        roots.checked(roots.folders[0] / detour)


def test_a_sibling_whose_name_begins_alike_is_outside(tmp_path: Path) -> None:
    for name in ("data", "data-private"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputFileError):
        Roots.of([tmp_path / "data"]).checked(tmp_path / "data-private")


def test_a_file_is_not_listed_as_a_folder(roots: Roots) -> None:
    with pytest.raises(InputFileError, match="cannot be listed"):
        roots.entries(roots.folders[0] / "b.star")


def test_what_is_no_path_is_told(roots: Roots) -> None:
    inside = roots.folders[0]
    (inside / "circle.star").symlink_to(inside / "circle.star")
    with pytest.raises(InputFileError, match="no path"):
        roots.checked("a\0b")
    assert "circle.star" not in [entry.name for entry in roots.entries(inside)]
