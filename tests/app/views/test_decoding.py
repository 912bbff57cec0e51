"""Which ways to make a map a run has networks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryohype_app.views.compare.choice import HOWS
from cryohype_app.views.decoding import possible
from cryohype_app.views.volume import METHODS
from cryohype_model.runs.layout import Run


def test_the_basis_volumes_are_offered_where_there_are_some(run: Run, make_variant: Callable[..., Run]) -> None:
    with_basis = make_variant(basis_volumes=5, image_tokens=False)
    for methods in (METHODS, HOWS):
        assert possible(methods, with_basis) == methods
        assert possible(methods, run) == {label: method for label, method in methods.items() if label != "basis volumes"}


def test_a_damaged_configuration_takes_nothing_away(tmp_path: Path) -> None:
    assert possible(METHODS, Run(tmp_path / "gone")) == METHODS
