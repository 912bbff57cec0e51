"""A small finished run to test against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import starfile

from cryohype_model.config import RunConfig
from cryohype_model.runs.layout import Run
from cryohype_model.runs.run import create_run

PARTICLES = 6


def write_star(path: Path) -> None:
    """particles.star with PARTICLES rows and no more than starfile needs."""
    images = [f"{row + 1:06d}@stack.mrcs" for row in range(PARTICLES)]
    starfile.write({"optics": pd.DataFrame({"rlnOpticsGroup": [1]}), "particles": pd.DataFrame({"rlnImageName": images})}, path)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[[str], Run]:
    """A function that makes a run of that label in the test's folder."""

    def make(label: str = "run") -> Run:
        config = RunConfig.model_validate({"training": {"seed": 7}})
        return create_run(tmp_path / label, config, ["cryohype", "train"], "abc", write_star, particles=PARTICLES, box_px=32)

    return make


@pytest.fixture
def run(make_run: Callable[[str], Run]) -> Run:
    """One run."""
    return make_run("run")
