"""Maps of a page on their way to desktop viewers: the buttons that send them, and how many viewers there are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cryohype_app.background import on_document
from cryohype_app.services import Services
from cryohype_app.store import sentence
from cryohype_app.stream import Shown
from cryohype_app.views.connect import ConnectDialog
from cryohype_app.views.page import Tell
from cryohype_app.wire import VolumeHead
from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.errors import VolumeGone

SEND = "Send to napari"
LONGEST_NAME = 200
MADE_AGAIN = "The worker let this map go in favour of newer ones. It is made again: send it when it is whole."
NOTHING = "There is no map to send yet."
WENT_AWAY = "napari went away before the map was there; send it again when it is back."


@dataclass(frozen=True, eq=False)
class Sending:
    """What somebody wants to see in napari.

    Attributes
    ----------
    maps : gives them. renew : makes them again where a worker had let them go; None where the page holds them itself.
    """

    maps: Callable[[], Awaitable[list[Shown]]]
    renew: Callable[[], None] | None = None


@dataclass(frozen=True)
class Label:
    """What a page knows of a map; ``level`` is that of its surface, None for the suggested one."""

    name: str
    colour: str
    run_id: str
    run_name: str
    how: str
    level: float | None = None

    def head(self, **facts: Any) -> VolumeHead:
        """The head of the map, with what else is known."""
        known = {"colour": self.colour, "run_id": self.run_id, "run_name": self.run_name, "how": self.how, "level": self.level}
        return VolumeHead(**(known | {"name": self.name[:LONGEST_NAME]} | facts))


async def held_map(worker: VolumeWorker, volume_id: str, label: Label) -> list[Shown]:
    """A map that a worker holds, as a layer of its own.

    Raises
    ------
    VolumeGone : the worker let it go.
    """
    volume = await worker.volume(volume_id)
    head = label.head(
        slot=f"sent-{volume_id}", pinned=True, volume_id=volume_id, shape=volume.array.shape,
        pixel_size_angstrom=volume.pixel_size_angstrom, origin_angstrom=volume.origin_angstrom, ready=time.time(),
        level=label.level if label.level is not None else volume.level,
    )  # fmt: skip
    return [Shown(head, volume.array)]


class Napari:
    """The way from one page to all viewers; the page places :attr:`dialog`, and a :meth:`button` at each of its maps."""

    def __init__(self, services: Services, tell: Tell) -> None:
        self.stream, self.tell = services.stream, tell
        self.document = pn.state.curdoc
        self._buttons: list[Any] = []
        self._wanted: Sending | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connect = ConnectDialog(services, host_header(), tell, self._given_up)
        self._leave = self.stream.on_count(lambda count: on_document(self.document, lambda: self._counted(count)))
        if self.document is not None:
            pn.state.on_session_destroyed(lambda _: self.end())

    @property
    def dialog(self) -> Any:
        """How a viewer is connected."""
        return self._connect.dialog

    def button(self, offer: Callable[[], Sending | None], **look: Any) -> Any:
        """A button that sends what ``offer()`` gives when it is clicked."""
        look = {"size": "small", "variant": "text", "margin": 0} | look
        button = pmui.Button(label=_label(self.stream.count), icon="send", **look)
        button.on_click(lambda _: self._asked(offer()))
        self._buttons.append(button)
        return button

    def follow(self, shown: Shown) -> None:
        """What the page shows now, for the viewers that follow it."""
        self.stream.publish(shown)

    def end(self) -> None:
        """The page is gone."""
        self._leave()
        self._connect.end()

    def _asked(self, wanted: Sending | None) -> None:
        if wanted is None:
            self.tell(NOTHING)
        elif self.stream.count:
            self._begin(wanted)
        else:
            self._wanted = wanted
            self._connect.show()

    def _begin(self, wanted: Sending) -> None:
        task = asyncio.get_running_loop().create_task(self._send(wanted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, wanted: Sending) -> None:
        try:
            reached = [self.stream.publish(shown) for shown in await wanted.maps()]
        except Exception as error:  # noqa: BLE001  # whatever it is, the page tells it and goes on
            on_document(self.document, lambda error=error: self._failed(wanted, error))  # type: ignore[misc]
        else:
            on_document(self.document, lambda: self._sent(len(reached), min(reached)))

    def _failed(self, wanted: Sending, error: Exception) -> None:
        if isinstance(error, VolumeGone) and wanted.renew is not None:
            self.tell(MADE_AGAIN, "info")
            wanted.renew()
        else:
            self.tell(sentence(error))

    def _sent(self, maps: int, viewers: int) -> None:
        if not viewers:
            self.tell(WENT_AWAY)
            return
        what = "Sent" if maps == 1 else f"{maps} maps sent"
        self.tell(f"{what} to napari ({viewers} viewer{'' if viewers == 1 else 's'})", "success")

    def _counted(self, count: int) -> None:
        for button in self._buttons:
            button.label = _label(count)
        if count and self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            self._begin(wanted)
            self._connect.hide()

    def _given_up(self) -> None:
        if not self._connect.is_starting:
            self._wanted = None


def host_header() -> str:
    """The name by which the browser of this session reached the server, with the port; empty without a browser."""
    return next((str(value) for name, value in (pn.state.headers or {}).items() if name.lower() == "host"), "")


def _label(count: int) -> str:
    return f"{SEND} · {count}" if count else SEND
