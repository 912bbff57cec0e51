"""pyproject.toml, environment.yml, constraints.txt and the wheel tell the same."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from cryohype_model import __version__
from cryohype_model.cli import COMMANDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONDA_NAMES = {"pytorch": "torch"}


def _requirement(text: str) -> tuple[str, str]:
    """(name, bounds) of ``name[extra]>=1; marker``."""
    name, bounds = re.fullmatch(r"([\w.-]+)(?:\[[\w,]+\])?([^;]*)(?:;.*)?", text.strip()).groups()  # type: ignore[union-attr]  # a bad line is to raise
    return CONDA_NAMES.get(name.lower(), name.lower()), bounds.strip()


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return dict(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"])


@pytest.fixture(scope="module")
def declared(project: dict[str, Any]) -> dict[str, str]:
    """Every direct dependency with its bounds, extras included."""
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return {name: bounds for name, bounds in map(_requirement, lines) if name != "cryohype"}


def test_conda_and_pip_install_the_same(root: Path, project: dict[str, Any], declared: dict[str, str]) -> None:
    environment = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))
    lines = [line for line in environment["dependencies"] if isinstance(line, str)]
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip[-1] == "-e ."
    conda = dict(map(_requirement, [*lines, *pip[:-1]]))
    assert conda.pop("python") == project["requires-python"]
    conda.pop("pip")
    assert conda == declared


def test_every_direct_dependency_is_pinned_for_the_tests(root: Path, declared: dict[str, str]) -> None:
    lines = [line for line in (root / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    pinned = dict(map(_requirement, lines))
    assert set(pinned) == set(declared)
    assert all(version.startswith("==") for version in pinned.values())


def test_versions_agree(project: dict[str, Any]) -> None:
    assert project["version"] == __version__


def _files(folder: Path, root: Path) -> set[str]:
    """Names of the files below a folder, caches of tools left out."""
    names = {path.relative_to(root).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in names if not re.search(r"(^|/)(\.|__pycache__/)", name)}


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="the wheel is built with hatchling: pip install cryohype[dev]")
    return Path(next(wheel.WheelBuilder(str(root)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])))


def test_the_wheel_holds_presets_assets_and_licence(root: Path, built: Path) -> None:
    names = set(zipfile.ZipFile(built).namelist())
    packages = _files(root / "cryohype_model", root) | _files(root / "cryohype_app", root)
    expected = packages | {f"cryohype_model/{name}" for name in _files(root / "assets", root)}
    metadata = {name for name in names if ".dist-info/" in name}
    assert names - metadata == expected
    assert any(name.endswith("licenses/LICENSE") for name in metadata)
    assert "cryohype_model/presets/tomotwin-100.toml" in names


UNPACK = """
from pathlib import Path
from cryohype_app.demo import unpack_demo
from cryohype_model.runs.shipped import archive_path
unpack_demo(Path("store"))
print(archive_path())
"""


def test_an_installed_wheel_finds_its_demo(built: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(built).extractall(site)
    words, environment = [sys.executable, "-c", UNPACK], {"PYTHONPATH": str(site)}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == site / "cryohype_model" / "assets" / "demo-run.zip"
    assert (tmp_path / "store" / "demo" / "manifest.json").is_file()


def test_the_readme_lists_every_command(root: Path) -> None:
    listed = dict(re.findall(r"^\| `cryohype (\w+)` \| (.*) \|$", (root / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == COMMANDS
