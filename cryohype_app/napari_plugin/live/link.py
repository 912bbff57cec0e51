"""Where a dashboard is, and the token that opens it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from cryohype_app.token import token_path
from cryohype_app.wire import STREAM_PATH
from cryohype_model.errors import ConfigError

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Link:
    """A dashboard. ``address`` such as ``http://localhost:8050``, without a path."""

    address: str
    token: str

    @property
    def health(self) -> str:
        """Where it tells its version."""
        return f"{self.address}/api/v1/healthz"

    @property
    def stream(self) -> str:
        """Where the maps come from."""
        return f"ws{self.address.removeprefix('http')}{STREAM_PATH}"

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, or at this end of a tunnel."""
        return urlsplit(self.address).hostname in LOOPBACK


def parse_link(text: str, token: str = "") -> Link:
    """The link that `cryohype-app serve` printed, pasted whole; or an address, and the token beside it.

    Without a token, that of this user on this machine is taken where the address is local.

    Raises
    ------
    ConfigError : no address of a dashboard, or no token.
    """
    text = text.strip()
    if text and "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise ConfigError("paste the link that `cryohype-app serve` printed, such as http://localhost:8050/?token=…")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    address = f"{parts.scheme}://{host}{'' if port is None else f':{port}'}"
    given = token.strip() or (parse_qs(parts.query).get("token") or [""])[0]
    link = Link(address, given)
    if not given and link.is_local:
        link = Link(address, _own_token())
    if not link.token or not link.token.isascii() or any(character.isspace() for character in link.token):
        raise ConfigError(f"{address} opens with its token only; paste the whole link that `cryohype-app serve` printed")
    return link


def _own_token() -> str:
    """Of this user on this machine; empty where there is none."""
    try:
        return "" if not os.access(token_path(), os.R_OK) else token_path().read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
