"""How a napari is connected to this dashboard: opened here, beside the browser, or on another computer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cryohype_app.background import Latest, on_document
from cryohype_app.components.copyline import CopyLine
from cryohype_app.desktop import Opened, can_open_napari, open_napari
from cryohype_app.served import login_here
from cryohype_app.services import Services
from cryohype_app.store import sentence
from cryohype_app.views.page import Tell, plain
from cryohype_app.views.words import Words

LOOK_SECONDS = 0.5
INTRODUCTION = "No napari is connected to this dashboard. As soon as one is, the map is sent and this window closes."
INSTALL, START = "pip install -c constraints.txt '.[napari]'", "cryohype-app napari"
STARTING = "napari is starting, which may take half a minute the first time …"
ALIGNED = {"& .MuiDialogTitle-root": {"padding": "14px 16px 4px"}}
SOMEBODY = "USER@HOST"


class ConnectDialog:
    """The window that says it; a page has to place :attr:`dialog` when it is built.

    Parameters
    ----------
    host : by which the browser reached this server, of its Host header. closed : called when the user gives it up.
    """

    def __init__(self, services: Services, host: str, tell: Tell, closed: Callable[[], None]) -> None:
        self.services, self._closed = services, closed
        self.document = pn.state.curdoc
        self._starting: asyncio.Task[None] | None = None
        self._naming = Latest(self.document, lambda error: tell(sentence(error)))
        served = services.served
        beside = served.reached(host)
        self.beside = CopyLine(
            "the link for napari beside this browser", served.masked(beside), lambda: served.with_token(beside)
        )
        far = served.tunnelled
        self.far = CopyLine("the link for napari on another computer", served.masked(far), lambda: served.with_token(far))
        self.tunnel = CopyLine("the command that opens the tunnel", served.tunnel(SOMEBODY))
        self.here = pmui.Button(
            label="Open napari here", icon="desktop_windows", variant="contained", size="small", margin=(4, 0)
        )
        self.told = Words("", variant="body2", margin=(4, 10))
        self.dialog = pmui.Dialog(
            title="Send to napari", open=False, close_on_click=True, show_close_button=True,
            width_option="sm", sizing_mode="stretch_width", sx=ALIGNED,
        )  # fmt: skip
        self.here.on_click(lambda _: self._open_here())
        self.dialog.param.watch(lambda event: None if event.new else self._hidden(), "open")

    def show(self) -> None:
        """Say how napari is connected."""
        self._naming.ask(login_here, lambda login: setattr(self.tunnel, "shown", self.services.served.tunnel(login)))
        self.told.object = STARTING if self.is_starting else ""
        self.dialog.objects = self._content()
        self.dialog.open = True

    def hide(self) -> None:
        """It is connected, or given up."""
        self.dialog.open = False

    def end(self) -> None:
        """The page is gone."""
        if self._starting is not None:
            self._starting.cancel()

    @property
    def is_starting(self) -> bool:
        """Whether a napari was started here that has not connected yet."""
        return self._starting is not None and not self._starting.done()

    def _content(self) -> list[Any]:
        here = [_title("On this machine"), pn.Row(self.here, self.told, margin=0)] if can_open_napari() else []
        return [
            _text(INTRODUCTION),
            *here,
            _title("On the computer where this browser runs"),
            _text(
                "Install it once, in a folder with CryoHype's source (it is not on PyPI yet; napari wants Python 3.11 or newer):"
            ),
            CopyLine("the command that installs the viewer", INSTALL),
            _text("Start it, and paste the link into *CryoHype live*; a tunnel that brings this page brings the maps too:"),
            CopyLine("the command that starts napari", START),
            self.beside,
            _title("On another computer"),
            _text("Install and start it there in the same way. Open a tunnel from there and leave it open:"),
            self.tunnel,
            _text("(If this machine has another name in your SSH, write that.) Then paste the link:"),
            self.far,
            _text("The link opens everything on this dashboard: it is for you alone."),
        ]

    def _hidden(self) -> None:
        for link in (self.beside, self.far):
            link.conceal()
        self.dialog.objects = []  # every update of a page walks through all that is in it
        self._closed()

    def _open_here(self) -> None:
        if not self.is_starting:
            self.here.disabled = True
            self.told.object = STARTING
            self._starting = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        served, log = self.services.served, self.services.data.home / ".cryohype" / "napari.log"
        problem = ""
        try:
            opened = await asyncio.to_thread(open_napari, served.here, log)
            problem = await self._ended(opened)
        except OSError as error:
            problem = f"napari could not be started: {error}"
        on_document(self.document, lambda: self._came(problem))

    async def _ended(self, opened: Opened) -> str:
        """Why it ended without a connection; empty once there is one."""
        while not self.services.stream.count:
            if not opened.is_running:
                return f"napari ended before it was connected: {opened.last_words or f'see {opened.log}'}"
            await asyncio.sleep(LOOK_SECONDS)
        return ""

    def _came(self, problem: str) -> None:
        self.here.disabled = False
        self.told.object = plain(problem)


def _title(text: str) -> Any:
    return pmui.Typography(text, variant="h3", margin=(14, 0, 2, 0))


def _text(text: str) -> Any:
    return pmui.Typography(text, variant="body2", margin=(4, 0, 2, 0))
