"""The checkout, for tests of the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    """Folder of pyproject.toml."""
    return Path(__file__).parents[2]
