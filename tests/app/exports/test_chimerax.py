"""The script is what ChimeraX understands."""

from __future__ import annotations

import re

from cryohype_app.exports.chimerax import ScriptedMap, chimerax_script

MAPS = [
    ScriptedMap("maps/a.mrc", 'say "x"; close', "#0072B2", 0.25851547718, 100.0),
    ScriptedMap("maps/b c.mrc", "two\nlines \\", "#D55E00", None, 200.0),
]


def test_two_maps() -> None:
    assert chimerax_script(MAPS, "my\nrun").splitlines() == [
        "# my run, exported by CryoHype: open this file in an empty ChimeraX session",
        'open "maps/a.mrc" id 1 name "say \'x\'; close"',
        'open "maps/b c.mrc" id 2 name "two lines /"',
        "volume #1 style surface step 1 level 0.258515 color #0072B2",
        "volume #2 style surface step 1 color #D55E00",
        "lighting soft",
        "set bgColor white",
        "graphics silhouettes true",
        "hide #2 models",
        "view",
        "view matrix camera 1,0,0,100,0,1,0,100,0,0,1,473.21",
        "# the first map is shown; to step through all of them, or to see them side by side:",
        "#   mseries slider #1-2",
        "#   show #1-2 models; tile",
    ]


def test_all_but_the_first_are_hidden() -> None:
    assert "\nhide #2-4 models\n" in chimerax_script(MAPS * 2, "run")


def test_one_map_hides_nothing() -> None:
    text = chimerax_script(MAPS[:1], "run")
    assert "hide" not in text
    assert "mseries" not in text


def test_the_camera_is_the_browsers_front_view() -> None:
    (line,) = (line for line in chimerax_script(MAPS, "run").splitlines() if "camera" in line)
    numbers = [float(word) for word in re.findall(r"[\d.]+", line)]
    assert [numbers[place] for place in (0, 5, 10)] == [1, 1, 1], "not turned: it looks down z, x to the right, y up"
    half_angle_tangent = 100.0 / (numbers[11] - 100.0)
    assert abs(half_angle_tangent - 0.26795) < 1e-4, "15 degrees to each side, as frontend/viewer/src/pose.js frames the box"
