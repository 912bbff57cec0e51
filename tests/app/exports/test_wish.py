"""What cannot be exported is told before anything is begun."""

from __future__ import annotations

from typing import Any

import pytest

from cryohype_app.exports.desk import check
from cryohype_app.exports.items import items_of
from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish
from cryohype_model.errors import CryoHypeError
from cryohype_model.runs.selections import delete_selection, write_selection


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({}, "nothing is chosen to export; choose a selection"),
        ({"clusters": (0,), "forms": ()}, "no form is chosen; choose maps"),
        ({"clusters": (0,), "forms": ("script",)}, "the ChimeraX script opens the maps; choose maps too"),
        ({"clusters": (0,), "box_px": 33}, "must be even and between 8 and 800 px, not 33"),
        ({"clusters": (0,), "box_px": 2000}, "must be even and between 8 and 800 px, not 2000"),
        ({"clusters": (0,), "low_pass_angstrom": -1.0}, "a low-pass must be a positive number of Å, not -1"),
        ({"clusters": (7,)}, "the analysis has no cluster 7; choose one of those"),
        ({"clusters": (-1,)}, "the analysis has no cluster -1"),
        ({"particles": (60,)}, "there is no particle 60; the run has particles 0 to 59"),
        ({"selections": ("gone",)}, "has no selection 'gone'; there are"),
        ({"selections": ("none",)}, "the selection 'none' holds no particle"),
        ({"clusters": (0,), "forms": ("cs",)}, r"came from particles.star, which is no \.cs file; choose .star or .pkl"),
        ({"clusters": (0,), "name": "../out"}, "cannot name a export"),
    ],
)
def test_one_sentence(source: ExportSource, wish: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CryoHypeError, match=sentence):
        check(source, Wish(**wish))


def test_an_original_that_is_gone_is_told_unless_indices_are_enough(source: ExportSource, mixture: Any) -> None:
    away = mixture.with_name("away.star")
    mixture.rename(away)
    try:
        with pytest.raises(CryoHypeError, match=r"which the particles came from, is gone .* or choose .pkl"):
            check(source, Wish(clusters=(0,), forms={"star"}))
        assert check(source, Wish(clusters=(0,), forms={"pkl"})).bytes > 0
    finally:
        away.rename(mixture)


def test_items_have_names_colours_and_files_of_their_own(source: ExportSource) -> None:
    run = source.run
    for name in ("a b", "a_b", "A:b".replace(":", "_")):
        write_selection(run, name, [1], {"kind": "list", "colour": "javascript:alert(1)"})
    try:
        items = items_of(source, Wish(selections=("a b", "a_b", "A_b", "a b"), clusters=(1,), particles=(17, 17)))
    finally:
        for name in ("a b", "a_b", "A_b"):
            delete_selection(run, name)
    assert [item.stem for item in items] == ["a_b", "a_b_2", "A_b_3", "cluster_0001", "particle_0000017"]
    assert all(len(item.colour) == 7 and item.colour[0] == "#" for item in items)
    assert [item.subject for item in items[2:]] == [{"selection": "A_b"}, {"cluster": 1}, {"particle": 17}]
    assert "colour" not in items[0].origin
