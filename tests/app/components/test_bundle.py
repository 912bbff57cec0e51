"""The bundle is what the sources say, small, licensed, and asks nobody for anything."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from cryohype_app.components import viewer3d

SOURCES = Path(__file__).parents[3] / "frontend" / "viewer"
MOST_BYTES = 800_000


@pytest.fixture(scope="module")
def bundle() -> str:
    path = Path(viewer3d.__file__).with_name("viewer3d.bundle.js")
    assert path.stat().st_size < MOST_BYTES
    return path.read_text(encoding="utf-8")


def test_it_is_built_from_these_sources(bundle: str) -> None:
    """The sum that build.mjs writes into the banner. If this fails: cd frontend/viewer && npm ci && npm run build."""
    names = ["build.mjs", "package-lock.json", "package.json", *(f"src/{path.name}" for path in SOURCES.glob("src/*.js"))]
    total = hashlib.sha256()
    for name in sorted(names):
        total.update(f"{name}\n".encode() + (SOURCES / name).read_bytes().replace(b"\r\n", b"\n"))
    assert re.search(r"sources sha256 ([0-9a-f]{64})", bundle)[1] == total.hexdigest()


def test_versions_are_pinned_and_named(bundle: str) -> None:
    package = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package.values())
    assert f"Holds three.js {package['three']}" in bundle


def test_three_keeps_its_licence(bundle: str) -> None:
    assert "The MIT License" in bundle and "three.js authors" in bundle and "THE SOFTWARE IS PROVIDED" in bundle


def test_no_file_of_the_sources_is_longer_than_a_head() -> None:
    assert {path.name: lines for path in SOURCES.glob("src/*.js") if (lines := len(path.read_text().splitlines())) > 250} == {}
