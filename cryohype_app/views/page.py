"""The frame of every page: name, rail, theme, a place for sentences, and the way back after the server was restarted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlencode

import panel as pn
import panel_material_ui as pmui

from cryohype_app.components.reconnect import Reconnect
from cryohype_app.components.theme import Theme

PAGES = (
    ("Runs", "/", "folder_open"),
    ("Train", "/train", "play_circle"),
    ("Monitor", "/monitor", "show_chart"),
    ("Explore", "/explore", "bubble_chart"),
    ("Compare", "/compare", "compare"),
    ("Export", "/export", "download"),
)
RAIL_WIDTH_PX = 118
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
BAR = {"boxShadow": "none", "borderBottom": "1px solid rgba(139,148,158,.3)", "backgroundImage": "none"}
SMALL_TYPE = {
    "fontSize": 13,
    "h3": {"fontSize": "0.95rem", "fontWeight": 600},
    "body1": {"fontSize": "0.85rem"},
    "h5": {"fontSize": "1.05rem", "fontWeight": 600},
}


def _theme(bar: str, ink: str, paper: str, ground: str) -> dict[str, Any]:
    inked = {"& .MuiTypography-root": {"color": ink}}
    return {
        "palette": {"primary": {"main": "#2f81f7"}, "background": {"paper": paper, "default": ground}},
        "typography": SMALL_TYPE,
        "shape": {"borderRadius": 6},
        "components": {
            "MuiAppBar": {"styleOverrides": {"root": {**BAR, "backgroundColor": bar, "color": ink, **inked}}},
            "MuiToolbar": {"styleOverrides": {"root": {"minHeight": "46px !important"}}},
            "MuiPaper": {"styleOverrides": {"root": {"backgroundImage": "none"}}},
        },
    }


THEMES = {
    "dark": _theme("#161b22", "#e6edf3", "#161b22", "#0d1117"),
    "light": _theme("#ffffff", "#1f2328", "#ffffff", "#f3f5f8"),
}


class Tell(Protocol):
    """Shows a sentence to the user."""

    def __call__(self, sentence: str, kind: str = "warning") -> None:
        """Show it."""


class Frame:
    """A page being made: the views tell it sentences and learn of its theme.

    Parameters
    ----------
    title : of the page.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._watchers: list[Callable[[bool], None]] = []
        theme = Theme(dark=wants_dark())
        self._rail = pmui.MenuList(
            items=_links(""), active=next((number for number, (label, *_) in enumerate(PAGES) if label == title), None),
            dense=True, highlight=True, sizing_mode="stretch_width",
        )  # fmt: skip
        self.page = pmui.Page(
            title=f"CryoHype · {title}",
            sidebar=[self._rail, Reconnect(), theme],
            sidebar_width=RAIL_WIDTH_PX,
            sidebar_resizable=False,
            theme_config=THEMES,
            dark_theme=theme.dark,
            main_width=None,
            busy_indicator=None,  # it looks through the whole page at every click
        )
        self.on_theme(lambda dark: setattr(theme, "dark", dark))
        self.page.param.watch(lambda event: [watch(bool(event.new)) for watch in self._watchers], "dark_theme")

    @property
    def dark(self) -> bool:
        """Whether the page is dark now."""
        return bool(self.page.dark_theme)

    def show(self, *content: object) -> None:
        """What the page is for."""
        self.page.main = list(content)

    def show_problem(self, sentence: str, severity: str = "info") -> None:
        """Why the page is empty."""
        self.show(pmui.Alert(object=sentence, severity=severity, margin=20))

    def keep_run(self, run_id: str) -> None:
        """Links to other pages lead to the same run."""
        self._rail.items = _links(run_id)

    def on_theme(self, watch: Callable[[bool], None]) -> None:
        """Tell a view of changes of the theme."""
        self._watchers.append(watch)

    def tell(self, sentence: str, kind: str = "warning") -> None:
        """A sentence for the user, at the edge of the page."""
        if pn.state.notifications is not None:
            pn.state.notifications.send(sentence, duration=8000, type=kind)


def _links(run_id: str) -> list[dict[str, str]]:
    kept = f"?{urlencode({'run': run_id})}" if run_id else ""
    return [{"label": label, "icon": icon, "href": path + kept} for label, path, icon in PAGES]


def wants_dark() -> bool:
    """Dark, unless the address says ``theme=light`` or that was chosen on an earlier page."""
    return (argument("theme") or pn.state.cookies.get("cryohype-theme")) != "light"


def argument(name: str) -> str:
    """A value of the page's address, empty where it has none."""
    values = (pn.state.session_args or {}).get(name) or [b""]
    return bytes(values[0]).decode("utf-8", errors="replace")


def plain(text: str) -> str:
    """The text as Markdown that shows it as it is: names come from files, which anyone may have made."""
    return _PUNCTUATION.sub(r"\\\1", text)


def panel(title: str, content: object, grow: int = 1) -> pmui.Paper:
    """A part of a page with its title; ``grow`` is its share of the height."""
    head = (
        [pmui.Typography(plain(title.upper()), variant="overline", margin=(0, 8), sizing_mode="stretch_width", min_height=27)]
        if title
        else []
    )
    style = {"flex": f"{grow} 1 0", "minHeight": "0", "overflow": "auto", "border": "1px solid rgba(139,148,158,.25)"}
    return pmui.Paper(*head, content, elevation=0, margin=4, sizing_mode="stretch_both", styles=style)
