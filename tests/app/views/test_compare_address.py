"""The address of a comparison: what it says is what is shown, and the other way round."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from cryohype_app.views.compare.address import Comparison, Place, Side, Source, read_address, write_address
from cryohype_model.errors import ConfigError


def read(query: str, run_id: str = "newest") -> Comparison:
    """The comparison of a query."""
    values = {name: found[0] for name, found in parse_qs(query).items()}
    return read_address(lambda name: values.get(name, ""), run_id)


@pytest.mark.parametrize(
    "comparison",
    [
        Comparison(Side(Place("r", "step-1"), Source("cluster", "3")), Side(Place("r", "step-1"), Source("particle", "17"))),
        Comparison(
            Side(Place("r"), Source("selection", "a&b=c: ü"), "backprojection", 2.5),
            Side(Place("s:copy", "last"), Source("map", "medoids-step-1/cluster 0.mrc"), deviations=-1.25),
            "difference", 4.5, "least_squares", True,
        ),
        Comparison(Side(Place("r"), Source("upload")), Side(Place("r"), Source("truth", "0"))),
    ],
)  # fmt: skip
def test_what_is_written_is_read_again(comparison: Comparison) -> None:
    assert read(write_address(comparison, {"theme": "light"})) == comparison


def test_without_names_it_is_the_newest_run_on_both_sides() -> None:
    assert read("") == Comparison(Side(Place("newest")), Side(Place("newest")))
    assert read("run=r@step-1").b.place == Place("r", "step-1")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("b=foo:3", "'foo:3', which is nothing that can be compared; write cluster:3"),
        ("b=cluster", "'cluster', which is nothing that can be compared"),
        ("b=cluster:three", "a cluster has a number; write cluster:3"),
        ("b=cluster:3&b_how=magic", "b_how='magic'; a map is made by mean, medoid"),
        ("b=cluster:3&b_level=high", "b_level='high', which is no number"),
        ("b=cluster:3&b_level=nan", "b_level='nan', which is no number"),
    ],
)
def test_what_it_cannot_mean_is_told_and_the_other_side_is_kept(query: str, told: str) -> None:
    found = read(f"a=cluster:1&{query}")
    assert found.a == Side(Place("newest"), Source("cluster", "1"))
    assert found.b.source is None
    assert told in found.b.problem


def test_levels_of_the_difference_stay_on_its_slider() -> None:
    assert [read(f"lobes={text}").lobes for text in ("900", "-4", "many", "")] == [12.0, 1.0, 3.0, 3.0]
    assert read("scale=anyhow").scaling == ""


def test_a_source_without_its_name_is_none() -> None:
    with pytest.raises(ConfigError, match="selection"):
        Source.parse("selection:")
    assert Source.parse("upload") == Source("upload")
    assert str(Source.parse("label:-1")) == "label:-1"
