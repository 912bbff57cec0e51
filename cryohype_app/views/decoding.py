"""Ways to make a map of particles, as the pages offer them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from cryohype_model.errors import CryoHypeError
from cryohype_model.runs.layout import Run
from cryohype_model.runs.run import read_config

M = TypeVar("M", bound=str)


def possible(methods: Mapping[str, M], run: Run) -> dict[str, M]:
    """The methods by their labels, without the basis volumes where a run has none; all where its configuration cannot be read."""
    try:
        has_basis = read_config(run).model.basis_volumes > 0
    except CryoHypeError:
        has_basis = True  # whoever makes the map says what is wrong
    return {label: method for label, method in methods.items() if method != "linear" or has_basis}
