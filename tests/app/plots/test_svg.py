"""Charts: every value in its place."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from cryohype_app.plots.svg import BOTTOM, LEFT, MOST_POINTS, RIGHT, TOP, Line, line_chart, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 0.0714, [0.0, 0.02, 0.04, 0.06]),
        (-0.03, 1.03, [0.0, 0.25, 0.5, 0.75, 1.0]),
        (3.0, 3.0, [3.0]),
        (1e5, 1e6, [2e5, 4e5, 6e5, 8e5, 1e6]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def _points(svg: str) -> list[tuple[float, float]]:
    (text,) = re.findall(r'<polyline points="([^"]*)"', svg)
    return [tuple(float(number) for number in pair.split(",")) for pair in text.split()]


def test_values_lie_between_the_axes() -> None:
    line = Line("FSC", np.array([0.0, 0.5, np.nan, 1.0]), np.array([1.0, 0.5, 0.3, 0.0]), "#0072B2")
    svg = line_chart([line], "x", "y", "a chart", y_range=(0, 1), size=(400, 200))
    assert _points(svg) == [(LEFT, TOP), ((LEFT + 400 - RIGHT) / 2, (TOP + 200 - BOTTOM) / 2), (400 - RIGHT, 200 - BOTTOM)]


def test_text_is_text() -> None:
    line = Line("<b>&", np.arange(3.0), np.arange(3.0), "#0072B2")
    root = ET.fromstring(line_chart([line], "<x>", "<y>", 'what "it" is'))  # made here
    assert {"<b>&", "<x>", "<y>"} <= {element.text for element in root.iter()}
    assert root.attrib["aria-label"] == 'what "it" is'


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    x = np.arange(50_000.0)
    points = _points(line_chart([Line("", x, x, "#0072B2")], "x", "y", "long"))
    assert len(points) <= MOST_POINTS
    assert points[-1][0] == 420 - RIGHT


def test_without_values_there_are_words() -> None:
    assert line_chart([Line("a", np.array([np.nan]), np.array([1.0]), "#000000")], "x", "y", "<loss>").startswith("<p")
    assert "&lt;loss&gt;: nothing to draw" in line_chart([], "x", "y", "<loss>")
