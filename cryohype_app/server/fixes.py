"""What bokeh-fastapi 0.1.8 and Panel 1.9.4 lack; to be deleted when it is mended there."""

from __future__ import annotations

import asyncio
from typing import Any

from bokeh.model import DataModel
from bokeh.model.util import collect_filtered_models
from bokeh_fastapi.handler import WSHandler
from panel.reactive import ReactiveCustomBase


def apply() -> None:
    """Mend both, once a process."""
    if not getattr(WSHandler, "mended_by_cryohype", False):
        _mend_websockets()
        ReactiveCustomBase._patch_datamodel_ref = staticmethod(_name_root)
        WSHandler.mended_by_cryohype = True


def _name_root(data: Any, ref: str) -> None:
    """Name the root in the data of a component; Panel looks through all that is below it again, at each of its levels."""
    tag = f"__ref:{ref}"
    found = collect_filtered_models(lambda model: isinstance(model, DataModel) and tag in model.tags, data)
    for model in found:
        if isinstance(model, DataModel):
            model.tags.append(tag)


def _mend_websockets() -> None:
    """Replace methods of the websocket handler.

    Messages of one session follow each other: without a lock they interleave on a slow link, and the page breaks.
    A closed connection is told to the application: without it no session would ever be freed.
    """
    send_message, ws_connect = WSHandler.send_message, WSHandler.ws_connect

    async def send_in_order(self: Any, message: Any) -> int:
        async with self.__dict__.setdefault("_sending", asyncio.Lock()):
            return int(await send_message(self, message))

    async def connect_until_closed(self: Any, websocket: Any) -> None:
        try:
            await ws_connect(self, websocket)
        finally:
            if self.connection is not None:
                self.application.client_lost(self.connection)

    WSHandler.send_message = send_in_order
    WSHandler.ws_connect = connect_until_closed
