"""Layers point one way, and what only looks is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from cryohype_model.cli import COMMANDS

HEAVY = {"torch", "lightning_fabric", "sklearn", "umap", "matplotlib", "gemmi", "numba"}

_HELP = """
import sys
from cryohype_model.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert end.code == 0, end.code
print("loaded:", *{name.partition(".")[0] for name in sys.modules})
"""


def _loaded(code: str, *words: str) -> set[str]:
    """Top-level modules in memory after the code has run in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_layers(root: Path) -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_is_light(words: list[str]) -> None:
    assert _loaded(_HELP, *words) & HEAVY == set()


def test_the_overview_loads_next_to_nothing() -> None:
    assert _loaded(_HELP, "--help") & {"numpy", "pandas", "pydantic", "rich", "scipy"} == set()


@pytest.mark.parametrize("package", ["config", "errors", "io", "runs", "metrics"])
def test_what_the_app_imports_is_light(package: str) -> None:
    code = f"""
import importlib, pkgutil, sys
package = importlib.import_module("cryohype_model.{package}")
for module in pkgutil.walk_packages(getattr(package, "__path__", []), package.__name__ + "."):
    importlib.import_module(module.name)
print("loaded:", *{{name.partition(".")[0] for name in sys.modules}})
"""
    assert _loaded(code) & {"torch", "lightning_fabric", "umap", "numba"} == set()


def test_cryodrgn_itself_is_never_imported(root: Path) -> None:
    for path in sorted((root / "cryohype_model").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert "cryodrgn" not in {name.partition(".")[0] for name in names}, path


def test_the_web_process_holds_no_network() -> None:
    code = """
import sys
import cryohype_app.server.serve
print("loaded:", *{name.partition(".")[0] for name in sys.modules})
"""
    assert _loaded(code) & {"torch", "lightning_fabric", "umap", "sklearn", "matplotlib"} == set()


def test_the_help_of_the_app_is_light() -> None:
    code = """
import sys
from cryohype_app.cli import main
try:
    main(["serve", "--help"])
except SystemExit as end:
    assert end.code == 0, end.code
print("loaded:", *{name.partition(".")[0] for name in sys.modules})
"""
    assert _loaded(code) & (HEAVY | {"panel", "bokeh", "fastapi", "pandas", "numpy"}) == set()


def test_the_napari_plugin_works_without_torch_and_web() -> None:
    pytest.importorskip("napari", reason="the plugin is for napari: pip install cryohype[napari]")
    code = """
import importlib, os, pkgutil, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
import cryohype_app.napari_plugin as package
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
print("loaded:", *{name.partition(".")[0] for name in sys.modules})
"""
    web = {"panel", "panel_material_ui", "bokeh", "fastapi", "uvicorn", "starlette", "datashader"}
    assert _loaded(code) & (web | {"torch", "lightning_fabric", "umap", "sklearn"}) == set()


def test_help_of_the_viewer_loads_no_viewer() -> None:
    code = """
import sys
from cryohype_app.cli import main
try:
    main(["napari", "--help"])
except SystemExit as end:
    assert end.code == 0, end.code
print("loaded:", *{name.partition(".")[0] for name in sys.modules})
"""
    assert _loaded(code) & (HEAVY | {"napari", "qtpy", "PySide6", "numpy", "pandas"}) == set()
