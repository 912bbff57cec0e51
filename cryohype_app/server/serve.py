"""Start the server: say where it is, open the browser, run until it is stopped."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from contextlib import suppress
from pathlib import Path

import uvicorn

from cryohype_app.jobs.book import JobBook
from cryohype_app.roots import Roots
from cryohype_app.served import LOCAL, Served
from cryohype_app.server.app import build_app
from cryohype_app.services import Services
from cryohype_app.store import DataStore
from cryohype_app.token import token_path, user_token


def serve(args: argparse.Namespace, store: Path, port: int, page: str = "") -> int:
    """Serve until Ctrl-C or SIGTERM.

    Parameters
    ----------
    store : folder of the runs. page : what to open, such as ``explore?run=ID``; the first page if empty.
    """
    token = user_token(token_path(), args.new_token)
    is_secure = args.tls_cert is not None
    served = Served("https" if is_secure else "http", args.host, port, token)
    services = Services(DataStore((store,)), JobBook(store), Roots.of([store, *args.root]), args.accelerator, served=served)
    app = build_app(services, token, _hosts(args.host), is_secure)
    address = served.here
    first = f"{address}{page}{'&' if page else '?'}token={token}"
    config = uvicorn.Config(
        app, host=args.host, port=port, log_level="warning", timeout_graceful_shutdown=3, ws_max_size=64 << 20,
        ssl_certfile=args.tls_cert, ssl_keyfile=args.tls_key,
    )  # fmt: skip
    print(f"CryoHype serves {store}\n\n    {first}\n\nCtrl-C stops the dashboard; trainings go on.", file=sys.stderr)
    if args.open and _has_display():
        threading.Thread(target=_open, args=(f"{address}api/v1/healthz", first), daemon=True).start()
    with suppress(KeyboardInterrupt):  # uvicorn ends in good order and then raises what it was sent
        uvicorn.Server(config).run()
    return 0


def _has_display() -> bool:
    """Whether there is a desktop; without one, a browser that runs in the terminal would take it over."""
    return sys.platform in {"darwin", "win32"} or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def _hosts(host: str) -> frozenset[str]:
    """What a browser may call this server; anything when it listens to every address, for its names are not known here."""
    if host in {"0.0.0.0", "::"}:  # compared, not bound
        return frozenset()
    return frozenset(f"{name}:*" for name in (host, LOCAL, "127.0.0.1", "[::1]"))  # a tunnel may begin at another port


def _open(asked: str, shown: str) -> None:
    """Open the browser once the server answers."""
    for _ in range(100):
        try:
            urllib.request.urlopen(asked, timeout=1)  # our own http address
        except urllib.error.HTTPError:  # refused for want of the token: it is there
            webbrowser.open(shown)
            return
        except OSError:
            time.sleep(0.1)
