"""Tabs whose contents are made when they are first looked at."""

from __future__ import annotations

import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.views.tabs import tabs_of


class Watching(Viewer):
    """Notes when it can be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bool] = []

    def __panel__(self) -> pmui.Typography:
        return pmui.Typography("seen")

    def open(self, is_open: bool) -> None:
        """Note it."""
        self.told.append(is_open)


def test_a_tab_is_made_once_when_it_is_first_opened_and_told_whether_it_is_seen() -> None:
    made: list[Watching] = []

    def second() -> Watching:
        made.append(Watching())
        return made[-1]

    tabs = tabs_of({"First": lambda: pmui.Typography("at once"), "Second": second})
    assert [len(place.objects) for place in tabs.objects] == [1, 0]
    assert not made
    tabs.active = 1
    tabs.active = 0
    tabs.active = 1
    assert len(made) == 1
    assert made[0].told == [True, False, True]
    assert [len(place.objects) for place in tabs.objects] == [1, 1]
