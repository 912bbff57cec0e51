"""The gallery of the quality benchmark: maps in the order of the structures, whatever program named them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.gallery import figure_of, maps_of


@pytest.mark.parametrize("pattern", ["map_{:04d}.mrc", "vol_{}.mrc"])
def test_maps_are_in_the_order_of_the_structures(tmp_path: Path, pattern: str) -> None:
    folder = tmp_path / "maps" / "single"
    folder.mkdir(parents=True)
    for number in (10, 2, 0, 1):
        (folder / pattern.format(number)).touch()
    (folder / "mean.mrc").touch()
    assert [path.name for path in maps_of(tmp_path)] == [pattern.format(number) for number in (0, 1, 2, 10)]


def test_a_row_for_each_method_and_y_upwards() -> None:
    picture = np.zeros((8, 8), dtype=np.float32)
    picture[6, 1] = 1.0
    figure = figure_of({"truth": [(picture, "a"), (picture, "b")], "ours": [(picture, "0.40"), (picture, "0.38")]})
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "0.40", "0.38"]
    assert figure.axes[0].images[0].origin == "lower"
