"""Where this dashboard is served, and how it is reached from elsewhere."""

from __future__ import annotations

import getpass
import re
import shlex
import socket
from dataclasses import dataclass, field
from typing import Literal

LOCAL = "localhost"
LOOPBACK = {"127.0.0.1", "::1", LOCAL}
EVERY_ADDRESS = {"0.0.0.0", "::"}  # compared, not bound
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
MASK = "••••••••"


@dataclass(frozen=True)
class Served:
    """What the server was started with.

    Attributes
    ----------
    host : address that it listens to. token : the secret that opens it.
    """

    scheme: Literal["http", "https"] = "http"
    host: str = "127.0.0.1"
    port: int = 8050
    token: str = field(default="", repr=False)

    @property
    def here(self) -> str:
        """Its address on this machine, without the token."""
        return self._address(f"{self._name_here}:{self.port}")

    @property
    def tunnelled(self) -> str:
        """Its address at the other end of :meth:`tunnel`."""
        return self._address(f"{LOCAL}:{self.port}")

    def reached(self, host_header: str) -> str:
        """The address by which a browser came, of its Host header; that of this machine where it makes no sense."""
        return self._address(host_header) if HOST.fullmatch(host_header) else self.here

    def with_token(self, address: str) -> str:
        """The link that opens it."""
        return f"{address}?token={self.token}"

    def masked(self, address: str) -> str:
        """The link as it may be seen over a shoulder."""
        return f"{address}?token={MASK}"

    def tunnel(self, login: str) -> str:
        """The command line that makes :attr:`tunnelled` lead here."""
        return f"ssh -N -L {self.port}:{self._name_here}:{self.port} {shlex.quote(login)}"

    @property
    def _name_here(self) -> str:
        if self.host in LOOPBACK | EVERY_ADDRESS:
            return LOCAL
        return f"[{self.host}]" if ":" in self.host else self.host

    def _address(self, place: str) -> str:
        return f"{self.scheme}://{place}/"


def login_here() -> str:
    """``user@machine`` of this process, for ssh; it may ask the network for the name, so not for the event loop."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container where nobody has a name
        user = "USER"
    full, short = socket.getfqdn(), socket.gethostname()
    return f"{user}@{full if '.' in full and not full.startswith(LOCAL) and not full.endswith('.arpa') else short or 'HOST'}"
