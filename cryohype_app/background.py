"""Work of a page outside of the event loop: in a thread, the newest request first, the result drawn under the document's lock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bokeh.document import Document

T = TypeVar("T")
log = logging.getLogger(__name__)


def on_document(document: Document | None, change: Callable[[], None]) -> None:
    """Make a change to the page of a session at its next turn; a session that has gone is left alone.

    Widgets call back without the document's lock: what touches a bokeh figure or its sources has to go through here.
    """
    if document is None:  # no browser: a test, or a notebook
        change()
    elif document.session_context is not None and not getattr(document.session_context, "destroyed", False):
        document.add_next_tick_callback(change)


@dataclass
class Latest:
    """Asks one thing at a time; of the requests that come meanwhile only the newest is kept.

    Parameters
    ----------
    document : of the session, or None without a browser.
    failed : told of an error of the work, on the document.
    """

    document: Document | None
    failed: Callable[[Exception], None]
    _waiting: tuple[Callable[[], Awaitable[Any]], Callable[[Any], None]] | None = None
    _task: asyncio.Task[None] | None = field(default=None)

    def ask(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        """Do ``work()`` in a thread, then ``done(result)`` on the document."""
        self.ask_async(lambda: asyncio.to_thread(work), done)

    def ask_async(self, work: Callable[[], Awaitable[T]], done: Callable[[T], None]) -> None:
        """The same for a coroutine, which must not block."""
        self._waiting = (work, done)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._waiting is not None:
            (work, done), self._waiting = self._waiting, None
            try:
                result = await work()
            except Exception as error:  # whatever it is, the page tells it and goes on
                log.debug("work of a page failed", exc_info=True)
                on_document(self.document, lambda error=error: self.failed(error))  # type: ignore[misc]
                continue
            if self._waiting is None:
                on_document(self.document, lambda result=result, done=done: done(result))  # type: ignore[misc]
