"""Tabs whose contents are made when they are first looked at: nobody waits for what is not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import panel as pn
import panel_material_ui as pmui


@runtime_checkable
class Watchful(Protocol):
    """A view that does its work only while it is seen."""

    def open(self, is_open: bool) -> None:
        """Whether it can be seen."""


def tabs_of(contents: Mapping[str, Callable[[], object]], **look: Any) -> pmui.Tabs:
    """Tabs by their titles, the first one open; what was made stays, with what the user did there."""
    makers = list(contents.values())
    places = [pn.Column(sizing_mode="stretch_both", margin=0) for _ in makers]
    made: dict[int, object] = {}
    tabs = pmui.Tabs(*zip(contents, places, strict=True), sizing_mode="stretch_both", margin=0, **look)

    def show(number: int) -> None:
        if number not in made:
            made[number] = makers[number]()
            places[number].objects = [made[number]]
        for other, view in made.items():
            if isinstance(view, Watchful):
                view.open(other == number)

    show(0)
    tabs.param.watch(lambda event: show(event.new), "active")
    return tabs
