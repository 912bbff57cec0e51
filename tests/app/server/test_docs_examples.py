"""The examples of docs/api.md really run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from cryohype_model.io.mrc import read_volume
from tests.app.server.conftest import BEARER, TOKEN

ADDRESS, LASSO = "localhost:8050", "[[1.0, 14.0], [6.0, 14.0], [6.0, 21.0], [1.0, 21.0]]"
AROUND = "[[-99, -99], [99, -99], [99, 99], [-99, 99]]"


@pytest.fixture
def examples(served: str, tmp_path: Path) -> list[Path]:
    """The programs of the page, at the address of the test's server."""
    text = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        assert ADDRESS in block
        code = block.replace(ADDRESS, served.removeprefix("http://")).replace(LASSO, AROUND)
        (tmp_path / f"example-{number}.py").write_text(code, encoding="utf-8")
    token = tmp_path / ".local" / "state" / "cryohype" / "token"
    token.parent.mkdir(parents=True)
    token.write_text(TOKEN + "\n")
    return sorted(tmp_path.glob("example-*.py"))


def test_from_a_lasso_to_a_map(examples: list[Path], tmp_path: Path) -> None:
    environment = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, examples[0]], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("60 particles, 16 px at")
    assert read_volume(tmp_path / "lasso.mrc")[0].shape == (16, 16, 16)


def test_changes_are_printed(examples: list[Path], served: str, tmp_path: Path) -> None:
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    said = tmp_path / "said"
    with said.open("w") as output:
        program = subprocess.Popen([sys.executable, examples[1]], env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_for(said, "run created step 7\n")
        run = httpx2.get(f"{served}/api/v1/runs", headers=BEARER).json()[0]["id"]
        httpx2.put(f"{served}/api/v1/runs/{run}/selections/blob", headers=BEARER, json={"cluster": 1}).raise_for_status()
        _wait_for(said, "run created step 7 blob\n")
    finally:
        program.terminate()
        program.wait(30)


def _wait_for(file: Path, words: str) -> None:
    end = time.monotonic() + 60
    while words not in (said := file.read_text()):
        assert time.monotonic() < end, said
        time.sleep(0.1)
