"""The connection to a dashboard, in a thread: it comes back by itself, and nothing in it knows of Qt."""

from __future__ import annotations

import json
import queue
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.sync.client import ClientConnection, connect

from cryohype_app.napari_plugin.live.assembly import Assembly
from cryohype_app.napari_plugin.live.events import Contents, Event, Problem, Runs, Standing
from cryohype_app.napari_plugin.live.link import Link
from cryohype_app.wire import LARGEST_PART_BYTES, LONGEST_HEADER, PROTOCOL, Precision, decode, text
from cryohype_model.errors import CryoHypeError

HEAR_SECONDS = 0.05  # the longest that a wish waits in the thread
OPEN_SECONDS = 10.0
CLOSE_SECONDS = 0.5
SILENCE_SECONDS = 20.0  # between two signs of life; a tunnel that is dead tells nothing
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 8.0
LARGEST_MESSAGE = LARGEST_PART_BYTES + LONGEST_HEADER + 64


class Refused(Exception):  # noqa: N818  # it ends the connection for good, with a sentence
    """The dashboard is there and will not have us, however often we ask."""


class StreamClient:
    """Listens to one dashboard until it is stopped.

    Parameters
    ----------
    link : where it is. hear : called in the thread with every event; it must not block.
    """

    def __init__(self, link: Link, hear: Callable[[Event], None]) -> None:
        self.link = link
        self._hear = hear
        self._ended = threading.Event()
        self._wishes: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._settings = text("settings", follow=True, precision="full")
        self._thread = threading.Thread(target=self._run, name="CryoHype stream", daemon=True)

    def start(self) -> None:
        """Connect, in the thread."""
        self._thread.start()

    def stop(self, wait_seconds: float = 1.0) -> None:
        """End it; returns after ``wait_seconds`` at the latest, for a name that is being looked up cannot be called off."""
        self._ended.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(wait_seconds)

    def settle(self, follow: bool, precision: Precision) -> None:
        """What is wanted, now and after every return of the connection."""
        self._settings = text("settings", follow=follow, precision=precision)
        self._wishes.put(self._settings)

    def ask(self, kind: str, **values: Any) -> None:
        """Ask for something; without a connection it is forgotten."""
        self._wishes.put(text(kind, **values))

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._ended.is_set():
            self._hear(Standing("connecting", f"connecting to {self.link.address} …"))
            try:
                self._check()
                with self._opened() as socket:
                    pause = FIRST_PAUSE_SECONDS
                    self._talk(socket)
            except Refused as refusal:
                self._hear(Standing("refused", str(refusal)))
                return
            except (OSError, WebSocketException) as error:
                if not self._ended.is_set():
                    self._hear(Standing("lost", f"{_reason(error, self.link)}; trying again"))
                    self._ended.wait(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._hear(Standing("closed", "not connected"))

    def _check(self) -> None:
        """Whether it is a dashboard that knows the token: a websocket that is refused does not say why."""
        request = urllib.request.Request(self.link.health, headers=self._headers)  # http or https, as parsed
        opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if self.link.is_local else []))
        try:
            with opener.open(request, timeout=OPEN_SECONDS) as answer:
                told = json.loads(answer.read(1 << 16))
            self._version = str(told["version"])
        except urllib.error.HTTPError as error:
            if error.code == 401:
                raise Refused(
                    f"{self.link.address} does not know this token; paste the link that it printed when it started"
                ) from None
            if error.code == 400:
                raise Refused(_detail(error) or f"{self.link.address} refuses this address") from None
            if error.code in {404, 405}:
                raise Refused(f"{self.link.address} is no CryoHype dashboard; check the port") from None
            raise
        except (ValueError, KeyError, TypeError):
            raise Refused(f"{self.link.address} is no CryoHype dashboard; check the port") from None

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.link.token}"}

    def _opened(self) -> ClientConnection:
        try:
            return connect(
                self.link.stream, additional_headers=self._headers, compression=None, max_size=LARGEST_MESSAGE,
                open_timeout=OPEN_SECONDS, close_timeout=CLOSE_SECONDS, ping_interval=SILENCE_SECONDS / 2,
                ping_timeout=SILENCE_SECONDS / 2, proxy=None if self.link.is_local else True,
            )  # fmt: skip
        except InvalidHandshake:
            raise Refused(f"{self.link.address} runs CryoHype {self._version}, which streams no volumes; update it") from None

    def _talk(self, socket: ClientConnection) -> None:
        assembly, received = Assembly(), 0
        while not self._wishes.empty():  # of a connection that is gone
            self._wishes.get()
        socket.send(self._settings)
        while not self._ended.is_set():
            while not self._wishes.empty():
                socket.send(self._wishes.get())
            try:
                message = socket.recv(timeout=HEAR_SECONDS)
            except TimeoutError:
                continue
            try:
                if isinstance(message, str):
                    self._heed(json.loads(message))
                    continue
                part, values = decode(message)
            except (CryoHypeError, ValueError, KeyError, TypeError) as error:
                said = (
                    str(error) if isinstance(error, CryoHypeError) else "the dashboard sent what cannot be read; update CryoHype"
                )
                self._hear(Problem(said))
                continue
            received += len(values)
            for event in assembly.add(part, values):
                self._hear(event)
            socket.send(text("got", bytes=received))

    def _heed(self, message: dict[str, Any]) -> None:
        kind = message["kind"]
        if kind == "hello":
            if message["protocol"] != PROTOCOL:
                newer = "the viewer" if message["protocol"] > PROTOCOL else self.link.address
                raise Refused(
                    f"{self.link.address} runs CryoHype {message['version']}, which speaks another language (stream "
                    f"{message['protocol']}, not {PROTOCOL}); update CryoHype of {newer}"
                )
            self._hear(Standing("connected", f"connected to {self.link.address}, CryoHype {message['version']}"))
        elif kind == "runs":
            change = message["change"]
            self._hear(Runs(tuple(change["runs"]), tuple(change["gone"]["runs"]), change["kind"] == "all"))
        elif kind == "contents":
            self._hear(Contents(message["run"], *(tuple(message[name]) for name in ("clusters", "selections", "series"))))
        elif kind == "problem":
            self._hear(Problem(str(message["sentence"])))


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(1 << 16))["detail"])
    except (ValueError, KeyError, TypeError, OSError):
        return ""


def _reason(error: Exception, link: Link) -> str:
    """Why there is no connection, in words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"{link.address} answers with error {error.code}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLError):
        return f"the certificate of {link.address} is not trusted here ({cause.reason or cause}); set SSL_CERT_FILE to it"
    if isinstance(cause, ConnectionRefusedError):
        return f"nobody answers at {link.address}; is the dashboard running, and the tunnel open?"
    if isinstance(cause, TimeoutError):
        return f"{link.address} does not answer in time"
    if isinstance(cause, OSError):
        return f"{link.address} cannot be reached ({cause.strerror or cause})"
    return f"the connection to {link.address} broke"
